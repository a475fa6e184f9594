/** The built command line, loaded once for many commands. Each is run as bin/aclog.cjs runs it, one after the other. */
import { Readable, Writable } from "node:stream";
import { main } from "../../dist/cli/main.js";

let said;

process.on("message", ({ args, cwd, env, input }) => {
  said = { stdout: [], stderr: [] };
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  const { fd } = process.stdin;
  replace("stdin", Object.assign(Readable.from([input], { objectMode: false }), { fd }));
  for (const name of ["stdout", "stderr"]) replace(name, sink(said[name]));
  // From here on nothing keeps this process but the command itself.
  process.channel.unref();
  void main([process.execPath, "aclog", ...args]);
});

// Where a process of its own would end: nothing is open any more, and nothing is waited for.
process.on("beforeExit", () => {
  if (!process.connected) return;
  const [stdout, stderr] = [said.stdout, said.stderr].map((chunks) => Buffer.concat(chunks).toString());
  const code = process.exitCode ?? 0;
  process.exitCode = undefined;
  process.channel.ref();
  process.send({ code, stdout, stderr });
});

function replace(name, stream) {
  Object.defineProperty(process, name, { value: stream, configurable: true });
}

function sink(chunks) {
  return new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
}
