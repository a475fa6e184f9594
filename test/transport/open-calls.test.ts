import { once } from "node:events";
import { expect, test } from "vitest";
import { PolicyFolder } from "../authz/policy-folder.js";
import { BreakGlass, CasbinAuthorizer } from "../../src/authz/index.js";
import { PermissionDenied, ShuttingDown } from "../../src/errors.js";
import { OpenCalls, authorize, logMethodAccess } from "../../src/transport/index.js";
import { EngineServer, framesOf } from "../support/grpc-server.js";
import { framed, openCall } from "../support/http2-client.js";
import { consumeBytes } from "../support/raw-client.js";

const connection = {};

function call(ended: string[], name: string, judgeAgain?: () => void) {
  return {
    delivers: judgeAgain !== undefined,
    endsItself: false,
    judgeAgain: judgeAgain ?? (() => undefined),
    end: ({ details }: { details: string }) => ended.push(`${name}: ${details}`),
  };
}

const no = (): never => {
  throw new PermissionDenied("no");
};

test("a judgement ends those that may not go on, and only those", async () => {
  const [calls, ended] = [new OpenCalls(), [] as string[]];
  calls.add(call(ended, "open to everyone"), connection);
  calls.add(
    call(ended, "kept", () => undefined),
    connection,
  );
  calls.add(call(ended, "revoked", no), connection);
  calls.add(
    call(ended, "broken", () => {
      throw new Error("a defect");
    }),
    {},
  );
  expect(calls.consumes).toBe(3);
  await calls.judgeAgain();
  expect(ended).toEqual(["revoked: no", "broken: internal error"]);
  await calls.judgeAgain();
  expect([ended.length, calls.consumes]).toEqual([2, 1]);
});

test("a judgement of many gives everybody else their turns, and asks no call that is over by then", async () => {
  const [calls, ended, forgets] = [new OpenCalls(), [] as string[], [] as (() => void)[]];
  let turns = 0;
  for (let count = 0; count < 30; count++) {
    const judge = (): never => {
      for (const until = performance.now() + 4; performance.now() < until;);
      forgets[29]!();
      return no();
    };
    forgets.push(calls.add(call(ended, `${count}`, judge), connection));
  }
  let isJudged = false;
  const count = (): void => {
    if (isJudged) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  await calls.judgeAgain();
  isJudged = true;
  expect(ended).toHaveLength(29);
  expect(turns).toBeGreaterThan(3);
});

test("a judgement of one connection asks no call of another", () => {
  const [calls, ended] = [new OpenCalls(), [] as string[]];
  const other = {};
  calls.add(call(ended, "mine", no), connection);
  const forget = calls.add(call(ended, "mine, and over", no), connection);
  calls.add(call(ended, "another's", no), other);
  forget();
  calls.judgeAgainOn(connection);
  expect(ended).toEqual(["mine: no"]);
  calls.judgeAgainOn(connection);
  calls.judgeAgainOn(other);
  expect(ended).toEqual(["mine: no", "another's: no"]);
});

test("once all were ended, whoever comes later is ended too, but for those that see to it themselves", () => {
  const [calls, ended] = [new OpenCalls(), [] as string[]];
  const forget = calls.add(
    call(ended, "gone", () => undefined),
    connection,
  );
  calls.add(call(ended, "there"), connection);
  calls.add({ ...call(ended, "ends itself"), endsItself: true }, connection);
  forget();
  calls.endAll(new ShuttingDown());
  calls.add(call(ended, "late"), {});
  expect(ended.map((text) => text.split(":")[0])).toEqual(["there", "late"]);
  expect(calls.consumes).toBe(0);
});

test("what is under way is waited for, however it ends, and what comes later is not", async () => {
  const calls = new OpenCalls();
  const order: string[] = [];
  let succeed: () => void = () => undefined;
  let fail: () => void = () => undefined;
  calls.track(new Promise<void>((resolve) => (succeed = () => resolve(void order.push("done")))));
  calls.track(new Promise<void>((_, reject) => (fail = () => reject(new Error(`${order.push("failed")}`)))));
  const settled = calls.settled().then(() => order.push("settled"));
  calls.track(new Promise(() => undefined));
  await new Promise(setImmediate);
  fail();
  await new Promise(setImmediate);
  succeed();
  await settled;
  expect(order).toEqual(["failed", "done", "settled"]);
});

test.each(["ConsumeStream", "Consume"] as const)(
  "what another policy forbids is not delivered to a %s whose turn to be judged is still to come",
  async (method) => {
    const mayRead = "p, acme/root, acme, *, consume, allow\n";
    await using folder = await PolicyFolder.create({ "policy.csv": mayRead, "matrix.csv": "" });
    const authorizer = await CasbinAuthorizer.open(folder.path, { onDenied: () => undefined });
    await folder.write({ "policy.csv": "" });
    const without = await folder.compiled();
    const last = method === "Consume" ? 0n : 1n;
    // Nobody judges open calls here.
    const calls = new OpenCalls();
    await using server = await EngineServer.start(
      {
        range: () => ({ base: 0n, next: 9n }),
        reach: () => Promise.resolve(),
        read: async (offset) => {
          if (offset === last) authorizer.activate(without);
          return framesOf(offset, 1, 1);
        },
      },
      { interceptors: [authorize(logMethodAccess, BreakGlass.forNobody(authorizer), calls)] },
    );
    const raw = server.raw("acme/root");
    const { code, messages } = await raw.call(method, [consumeBytes({ topic: "orders" })]);
    expect([code, messages.length]).toEqual(["PERMISSION_DENIED", Number(last)]);
    await raw.close();
  },
);

test("a call that was ended before its caller had ended his side is not begun when he does", async () => {
  const calls = new OpenCalls();
  const policy = new URL("../../policy", import.meta.url).pathname;
  const authorizer = await CasbinAuthorizer.open(policy, { onDenied: () => undefined });
  let begun = 0;
  const range = (): { base: bigint; next: bigint } => ({ base: BigInt(begun++), next: 1n });
  await using server = await EngineServer.start(
    { range, read: () => Promise.reject(new Error("nothing is there")) },
    { interceptors: [authorize(logMethodAccess, BreakGlass.forNobody(authorizer), calls)] },
  );
  const session = server.http2("acme/root");
  const roundTrip = (): Promise<void> => new Promise((resolve) => void session.ping(() => resolve()));
  const stream = openCall(session, "Consume");
  stream.write(framed(consumeBytes({ topic: "orders" })));
  await once(session, "connect");
  while (calls.consumes === 0) await roundTrip();
  calls.endAll(new ShuttingDown());
  const [headers] = (await once(stream, "response")) as [Record<string, string>];
  expect(headers["grpc-status"]).toBe("14");
  stream.end();
  await roundTrip();
  expect(begun).toBe(0);
  session.destroy();
});
