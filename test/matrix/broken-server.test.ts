import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, refusedIn } from "../../src/matrix/answer.js";
import type { Attempt, Scene } from "../../src/matrix/attempts.js";
import { Caller } from "../../src/matrix/callers.js";
import { tryOutsiders } from "../../src/matrix/outsiders.js";
import { Stage } from "../../src/matrix/stage.js";
import { Marks } from "../../src/matrix/sweep.js";
import { TopicView } from "../../src/matrix/topic-view.js";
import { tryOnce } from "../../src/matrix/try-cell.js";
import { TrialAuthority } from "../../src/pki/index.js";
import { Places } from "./places.js";

/** What a server would do that is not as it should be, done here beside a call to a real one. */
describe("a server that does not do as it says", () => {
  let places: Places;
  let stage: Stage;
  let caller: Caller;
  let scene: Scene;

  beforeAll(async () => {
    places = await Places.make(["acme/root"]);
    const policyDir = await places.policy("rules", {
      "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n",
      "policy.csv": "p, acme/root, acme, *, *, allow\n",
      "matrix.csv": "# states nothing\n",
    });
    stage = await Stage.open(policyDir, places.options("rules").server);
    caller = new Caller(stage.address, stage.credentials(keys()));
    scene = { caller, topic: new TopicView(stage.store, "acme", "orders"), mark: "mark", mayProduce: true };
  });

  afterAll(async () => {
    caller[Symbol.dispose]();
    await stage[Symbol.asyncDispose]();
    await places[Symbol.asyncDispose]();
  });

  function keys(): { cert: string; key: string } {
    const { certPem, keyPem } = places.authority.issue({ principal: "acme/root" });
    return { cert: certPem, key: keyPem };
  }

  const refusal = { code: status.PERMISSION_DENIED, reason: "PERMISSION_DENIED", details: "", messages: [] };
  const attempt = (call: () => Promise<Answer<unknown>>, changes: Partial<Attempt> = {}): Attempt => ({
    method: "Test",
    needs: "the topic",
    effects: ["nothing"],
    call,
    ...changes,
  });

  test("stores what it refused", async () => {
    const storing = attempt(async () => {
      await scene.topic.remove();
      await scene.topic.prepare();
      return refusal;
    });
    const problem = "refused, and yet it replaced the topic, stored 1";
    expect(await tryOnce(storing, scene)).toEqual({ method: "Test", got: "neither", problem });
  });

  test("makes a topic that it refused to make", async () => {
    const making = attempt(() => scene.topic.prepare().then(() => refusal), { needs: "no topic" });
    const problem = "refused, and yet it made the topic, stored 1";
    expect(await tryOnce(making, scene)).toMatchObject({ got: "neither", problem });
  });

  test("removes a topic that it refused to remove", async () => {
    const removing = attempt(() => scene.topic.remove().then(() => refusal));
    expect(await tryOnce(removing, scene)).toMatchObject({ problem: "refused, and yet it removed the topic" });
  });

  test("delivers before it refuses", async () => {
    const delivering = attempt(async () => ({ ...refusal, messages: [{}, {}] }));
    expect(await tryOnce(delivering, scene)).toMatchObject({ problem: "refused, and yet it delivered 2" });
  });

  test("says that it did what it did not do", async () => {
    const idle = attempt(async () => ({ ...refusal, code: status.OK }), { effects: ["stored 1"] });
    const problem = "answered OK, and what happened is: nothing";
    expect(await tryOnce(idle, scene)).toMatchObject({ got: "neither", problem });
  });

  test("delivers nothing to who may read", async () => {
    const silent = attempt(async () => ({ ...refusal, code: status.OK }), { reads: true });
    expect(await tryOnce(silent, scene)).toMatchObject({ problem: "answered OK, and delivered nothing" });
  });

  test("refuses for another reason than the policy", async () => {
    const [missing, exhausted] = [status.NOT_FOUND, status.RESOURCE_EXHAUSTED];
    for (const code of [missing, exhausted]) {
      const other = attempt(async () => ({ ...refusal, code, reason: status[code], details: "no" }));
      expect(await tryOnce(other, scene)).toMatchObject({ got: "neither", problem: `${status[code]}: no` });
    }
    const unexplained = attempt(async () => ({ ...refusal, reason: undefined, details: "proxy" }));
    expect(await tryOnce(unexplained, scene)).toMatchObject({ problem: "PERMISSION_DENIED: proxy" });
    const inStream = { code: status.PERMISSION_DENIED, message: "proxy" };
    for (const details of [
      [],
      [{ type_url: "type.googleapis.com/google.rpc.ErrorInfo", value: Buffer.from([0x0a]) }],
    ]) {
      const call = attempt(async () => refusedIn({ ...inStream, details }));
      expect(await tryOnce(call, scene)).toMatchObject({ problem: "PERMISSION_DENIED: proxy" });
    }
  });

  test("keeps what was refused in another topic", async () => {
    const marks = new Marks("test");
    const elsewhere = new TopicView(stage.store, "acme", "elsewhere");
    await elsewhere.prepare();
    const records = [{ value: Buffer.from(`a ${marks.of(17)} b`) }, { value: Buffer.from(marks.of(4)) }];
    await new Promise<void>((resolve, reject) => {
      caller.log.produce({ topic: "elsewhere", records }, (error) => (error ? reject(error) : resolve()));
    });
    expect(await marks.stored(stage.store, ["acme", "globex"])).toEqual(
      new Map([
        [17, "acme/elsewhere"],
        [4, "acme/elsewhere"],
      ]),
    );
    expect(await marks.stored(stage.store, ["globex"])).toEqual(new Map());
  });

  test("lets somebody in who must not get in", async () => {
    await scene.topic.prepare();
    const outsiders = await tryOutsiders(stage, {
      victim: { principal: "acme/root", keys: keys(), tenant: "acme", topic: "orders" },
      authority: TrialAuthority.of(places.authority.caPem, places.authority.caKeyPem),
      noAuthority: undefined,
      bindings: [],
      // The server does know it.
      undeclaredTenant: "acme",
    });
    const problems = outsiders.filter(({ problem }) => problem !== undefined);
    expect(problems).toEqual([
      {
        who: "a certificate of a tenant that is not declared",
        refusal: undefined,
        problem:
          "/log.v1.Log/Produce and /log.v1.Log/ConsumeStream answered, the server takes him for acme/root, " +
          "it counts his calls, something was stored",
      },
    ]);
  });
});
