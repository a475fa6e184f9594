// Runs commands, given as a JSON array, one after the other as a shell in this folder would, and prints as another what each
// of them printed on both of its outputs. Those of aclog run in this one process: loading all of it is most of what each takes.
import { spawnSync } from "node:child_process";
import { main } from "../../dist/cli/main.js";

let text = "";
const { stdout, stderr } = process;
const print = stdout.write.bind(stdout);
for (const stream of [stdout, stderr]) {
  // Each command listens, and none ever ends.
  stream.setMaxListeners(0);
  stream.write = (chunk, done) => {
    text += chunk;
    if (typeof done === "function") done();
    return true;
  };
}

const shown = [];
for (const command of JSON.parse(process.argv[2])) {
  text = "";
  const [name, ...words] = command.split(" ");
  if (name === "aclog") await main([process.execPath, name, ...words]);
  else text = spawnSync("/bin/sh", ["-c", `${command} 2>&1`], { encoding: "utf8" }).stdout;
  shown.push(text);
}
process.exitCode = 0;
print(JSON.stringify(shown));
