/** Passes TCP on to a port of loopback, each byte so many milliseconds late each way, as a long line would. */
import { connect, createServer } from "node:net";

const [, , port, delay] = process.argv;
/** As much as may be on its way at a time: far more than what a bench sends within the delay. */
const onItsWay = 64 * 1024 * 1024;

const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ host: "127.0.0.1", port: Number(port), noDelay: true });
  for (const socket of [near, far]) socket.on("error", () => undefined);
  pass(near, far);
  pass(far, near);
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ address: `127.0.0.1:${server.address().port}` })}\n`);
});

function pass(from, to) {
  const queue = [];
  let waiting = 0;
  const release = () => {
    const now = performance.now();
    while (queue.length > 0 && queue[0].due <= now) {
      const { bytes } = queue.shift();
      if (bytes === undefined) return to.destroy();
      waiting -= bytes.length;
      to.write(bytes);
    }
    if (waiting < onItsWay) from.resume();
    if (queue.length > 0) setTimeout(release, queue[0].due - performance.now());
  };
  const take = (bytes) => {
    queue.push({ due: performance.now() + Number(delay), bytes });
    waiting += bytes?.length ?? 0;
    if (waiting >= onItsWay) from.pause();
    if (queue.length === 1) setTimeout(release, Number(delay));
  };
  from.on("data", take);
  from.on("close", () => take(undefined));
}
