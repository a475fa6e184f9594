/**
 * What identity and policy cost by themselves: the code that the server runs for each message, in a loop. It gives the CPU
 * of one decision in µs, with so many lines of policy: about one topic over and over, and about a new topic each time.
 */
import { mkdtemp, rm, writeFile, cp } from "node:fs/promises";
import { once } from "node:events";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { CasbinAuthorizer } from "../dist/authz/index.js";
import { Authority, Connections, IdentityRules, Trust } from "../dist/identity/index.js";
import { admit } from "../dist/transport/admission.js";
import { readProduceRequest } from "../dist/wire/requests.js";
import { records, requests } from "./messages.mjs";

const [, , directory, certificates, lines, seconds] = process.argv;
const needed = { action: "produce", kind: "writes" };
const requestId = "bench";

const policy = await mkdtemp(join(directory, "policy-"));
try {
  await cp(new URL("../policy", import.meta.url).pathname, policy, { recursive: true });
  await writeFile(join(policy, "policy.csv"), policyOf(Number(lines)));
  await writeFile(join(policy, "matrix.csv"), "acme/billing, acme, orders, produce, allow\n");
  const authorizer = await CasbinAuthorizer.open(policy, { onDenied: () => undefined });
  const limitsOf = (tenant) => authorizer.limitsOf(tenant);
  const gate = { standingOf: (name) => authorizer.standingOf(name), isBreakGlass: () => false, boundTo: () => [] };
  const trust = trustOf(readFileSync(join(certificates, "ca.crt")));
  const connections = new Connections({ judge: (presented) => trust.judge(presented, gate), limitsOf });
  const { info, close } = await connected(connections);
  const decide = (request) => {
    const admitted = admit(request, connections.connectionOf(info), needed, authorizer, {
      requestId,
      method: "/log.v1.Log/Produce",
    });
    if (admitted.error !== undefined) throw admitted.error;
  };
  const topics = Array.from({ length: 200_000 }, (_, at) => requestFor(`orders.${at}`));
  const one = requestFor("orders.eu");
  const same = measure(() => decide(one));
  let at = 0;
  const fresh = measure(() => decide(topics[at++ % topics.length]));
  process.stdout.write(`${JSON.stringify({ same, fresh })}\n`);
  close();
} finally {
  await rm(policy, { recursive: true });
}

/** CPU of one call in µs. */
function measure(call) {
  const until = (milliseconds) => {
    const end = performance.now() + milliseconds;
    let calls = 0;
    while (performance.now() < end) for (let more = 0; more < 100; more++, calls++) call();
    return calls;
  };
  until(Number(seconds) * 500);
  const before = process.cpuUsage();
  const calls = until(Number(seconds) * 1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

function requestFor(topic) {
  return readProduceRequest(requests.produce({ topic, records: records(1, 100) }));
}

/** Ten lines that matter, and for the rest roles, members and topics as a large tenant has them. */
function policyOf(count) {
  const wanted = [
    "p, role:producer, acme, orders, produce, allow",
    "p, role:producer, acme, orders, create, allow",
    "p, role:producer, acme, orders.*, produce, allow",
    "p, role:producer, acme, orders.*, create, allow",
    "p, role:producer, acme, cards, *, deny",
    "g, acme/billing, role:producer, acme",
    "p, role:consumer, acme, orders, consume, allow",
    "p, role:consumer, acme, orders, describe, allow",
    "g, acme/reports, role:consumer, acme",
    "p, acme/reports, acme, reports.*, *, allow",
  ];
  for (let team = 0; wanted.length < count; team++) {
    wanted.push(`p, role:team-${team}, acme, team-${team}.*, *, allow`);
    wanted.push(`p, role:team-${team}, acme, shared-${team % 100}.*, consume, allow`);
    wanted.push(`g, acme/service-${team}, role:team-${team}, acme`);
    wanted.push(`p, acme/service-${team}, acme, inbox-${team}, produce, allow`);
  }
  return `${wanted.slice(0, count).join("\n")}\n`;
}

function trustOf(pem) {
  const authorities = [Authority.of(new X509Certificate(pem).raw, "ca.crt")];
  return new Trust({ authorities, rules: IdentityRules.builtIn, lists: [], expiredLists: "refuse" });
}

/** A connection as a client makes it; both of its ends are here. */
async function connected(connections) {
  const pem = (name) => readFileSync(join(certificates, name));
  const ca = pem("ca.crt");
  const server = createServer({ ca, cert: pem("server.crt"), key: pem("server.key"), requestCert: true }).listen(0);
  await once(server, "listening");
  const [cert, key] = [pem("clients/acme/billing.crt"), pem("clients/acme/billing.key")];
  const client = connect({ host: "localhost", port: server.address().port, ca, cert, key });
  const [socket] = await once(server, "secureConnection");
  connections.admit(socket);
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const close = () => {
    client.destroy();
    server.close();
  };
  return { info: { localAddress, localPort, remoteAddress, remotePort }, close };
}
