/** The parent's handle of a client's process. */
import { fork } from "node:child_process";
import { once } from "node:events";

/** @param module of clients/; `connection` is whatever it connects by */
export async function openClient(module, connection) {
  const child = fork(new URL("client-process.mjs", import.meta.url), { serialization: "advanced" });
  const ended = once(child, "exit");
  const waiting = new Map();
  let last = 0;
  child.on("message", ({ id, result, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(`the ${module} client: ${error}`));
  });
  child.on("exit", () => {
    for (const { reject } of waiting.values()) reject(new Error(`the ${module} client's process has ended`));
  });
  const ask = (method, args) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      child.send({ id: last, method, args }, (error) => error && reject(error));
    });
  const close = async () => {
    if (child.connected) child.disconnect();
    await ended;
  };
  try {
    await ask("open", { module, connection });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    /** Does one kind of work in one of the client's ways. */
    run: (kind, way, params) => ask("run", { kind, way, params }),
    /** Stores so many records of this value in the topic. */
    fill: (topic, value, records) => ask("prepare", { topic, value, records }),
    createTopic: (topic) => ask("createTopic", { topic }),
    discard: (topic) => ask("discard", { topic }),
    close: async () => {
      if (child.connected) await ask("close").catch(() => undefined);
      await close();
    },
  };
}
