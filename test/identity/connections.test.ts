import { judgeOf } from "../support/trusted.js";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { QuotaExceeded, ShuttingDown, Unauthenticated } from "../../src/errors.js";
import { type Connection, Connections, IdentityRefused, type Judge } from "../../src/identity/index.js";
import { formatPrincipal, type Principal } from "../../src/names.js";
import { type IssuedCertificate, TestAuthority } from "../support/certificates.js";

let authority: TestAuthority;
let stranger: TestAuthority;
beforeAll(async () => {
  [authority, stranger] = await Promise.all([TestAuthority.create(), TestAuthority.create()]);
});

interface Outcome {
  readonly socket: tls.TLSSocket;
  /** The principal, or why there is none. */
  readonly answer: Principal | Error;
}

/** A listener that admits whoever completes a handshake, and keeps what came of it. */
function isBreakGlass(principal: Principal): boolean {
  return formatPrincipal(principal) === "ops/root";
}

class Listener implements AsyncDisposable {
  /** Of every tenant. */
  limit = 1_000;
  /** By which certificates end. */
  now = (): number => Date.now();
  judge: Judge = judgeOf([authority.caPem], (name) => name === "acme" || name === "globex", isBreakGlass);
  readonly connections = new Connections({
    judge: (...asked) => this.judge(...asked),
    now: () => this.now(),
    limitsOf: () => ({ connections: this.limit }),
    isBreakGlass,
  });
  readonly #server: tls.Server;
  readonly #clients: tls.TLSSocket[] = [];
  readonly #outcomes: Outcome[] = [];

  private constructor(options: tls.TlsOptions) {
    const { certPem, keyPem } = authority.server();
    this.#server = tls.createServer({
      cert: certPem,
      key: keyPem,
      ca: authority.caPem,
      requestCert: true,
      minVersion: "TLSv1.3",
      ...options,
    });
    this.#server.on("secureConnection", (socket) => {
      // A client that resets its connection is part of these tests.
      socket.on("error", () => undefined);
      this.#outcomes.push({ socket, answer: this.#judge(socket) });
      this.#server.emit("judged");
    });
  }

  static async listen(options: tls.TlsOptions = {}): Promise<Listener> {
    const listener = new Listener(options);
    listener.#server.listen(0, "0.0.0.0");
    await once(listener.#server, "listening");
    return listener;
  }

  /** Resolves when the server has judged the connection. */
  async connect(
    client: IssuedCertificate | undefined,
    options: tls.ConnectionOptions & { localAddress?: string; localPort?: number } = {},
  ): Promise<Outcome & { client: tls.TLSSocket }> {
    const judged = once(this.#server, "judged");
    const socket = tls.connect({
      host: "127.0.0.1",
      port: this.port,
      servername: "localhost",
      ca: authority.caPem,
      ...(client === undefined ? {} : { cert: client.certPem, key: client.keyPem }),
      ...options,
    });
    this.#clients.push(socket);
    socket.on("error", () => undefined);
    await Promise.all([judged, once(socket, "secureConnect")]);
    return { ...this.#outcomes.at(-1)!, client: socket };
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const client of this.#clients) client.destroy();
    for (const { socket } of this.#outcomes) socket.destroy();
    await closed;
  }

  #judge(socket: tls.TLSSocket): Principal | Error {
    try {
      return this.connections.admit(socket);
    } catch (error) {
      return error as Error;
    }
  }
}

const billing = () => authority.issue({ principal: "acme/billing" });
const reports = () => authority.issue({ principal: "acme/reports" });

/** What grpc-js hands out with each call: plain values, not the socket. */
function endsOf({ localAddress, localPort, remoteAddress, remotePort }: tls.TLSSocket) {
  return { localAddress, localPort, remoteAddress, remotePort };
}

/** Below the stream: a paused one goes on reading until its buffer is full. */
function stopReading(socket: tls.TLSSocket): void {
  (socket as unknown as { _handle: { readStop(): void } })._handle.readStop();
}

describe("a connection", () => {
  test("with a client's certificate is admitted, and every call on it finds its principal", async () => {
    await using listener = await Listener.listen();
    const { socket, answer } = await listener.connect(billing());
    expect(socket.getProtocol()).toBe("TLSv1.3");
    expect(answer).toEqual({ tenant: "acme", name: "billing" });
    expect(listener.connections.connectionOf(endsOf(socket)).identity.principal).toBe(answer);
    expect(listener.connections.connectionOf(endsOf(socket)).identity.fingerprint256).toBe(
      socket.getPeerCertificate().fingerprint256,
    );
  });

  test("is listed with its certificate and its beginning", async () => {
    await using listener = await Listener.listen();
    const before = Date.now();
    const { socket } = await listener.connect(billing());
    expect(listener.connections.size).toBe(1);
    const [connection] = [...listener.connections];
    expect(connection?.socket).toBe(socket);
    expect(formatPrincipal(connection!.identity.principal)).toBe("acme/billing");
    expect(connection?.identity.fingerprint256).toBe(socket.getPeerX509Certificate()?.fingerprint256);
    expect(connection?.since.getTime()).toBeGreaterThanOrEqual(before);
    expect(connection?.since.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test("that closes takes its entry with it", async () => {
    await using listener = await Listener.listen();
    const { socket, client } = await listener.connect(billing());
    const ends = endsOf(socket);
    client.destroy();
    await once(socket, "close");
    expect(listener.connections.size).toBe(0);
    expect(() => listener.connections.connectionOf(ends).identity.principal).toThrow(Unauthenticated);
  });

  test("that nobody knows is nobody's", async () => {
    await using listener = await Listener.listen();
    const { socket } = await listener.connect(billing());
    const ends = endsOf(socket);
    const others = [
      {},
      { ...ends, localAddress: "127.0.0.2" },
      { ...ends, localPort: ends.localPort! + 1 },
      { ...ends, remoteAddress: "127.0.0.2" },
      { ...ends, remotePort: ends.remotePort! + 1 },
      { ...ends, remotePort: undefined },
    ];
    for (const other of others) {
      expect(() => listener.connections.connectionOf(other).identity.principal).toThrow(Unauthenticated);
      expect(() => listener.connections.connectionOf(other).identity.fingerprint256).toThrow(Unauthenticated);
    }
  });

  const refused: readonly (readonly [
    what: string,
    client: () => IssuedCertificate | undefined,
    reason: string | RegExp,
  ])[] = [
    ["without a certificate", () => undefined, "the certificate is missing or not trusted"],
    [
      "with a certificate of another authority",
      () => stranger.issue({ principal: "acme/billing" }),
      "the certificate is missing or not trusted",
    ],
    [
      "with a certificate that has expired",
      () => authority.issue({ principal: "acme/billing", notAfter: new Date(Date.now() - 1000) }),
      "the certificate is missing or not trusted",
    ],
    [
      "with a certificate that is not valid yet",
      () => authority.issue({ principal: "acme/billing", notBefore: new Date(Date.now() + 3_600_000) }),
      "the certificate is missing or not trusted",
    ],
    [
      "with a server's certificate",
      () => authority.issue({ principal: "acme/billing", usages: ["serverAuth"] }),
      "the certificate is missing or not trusted",
    ],
    [
      "with a certificate for anything",
      () => authority.issue({ principal: "acme/billing", usages: "none" }),
      "the certificate lacks the clientAuth usage",
    ],
    [
      "of a tenant that is not declared",
      () => authority.issue({ principal: "initech/billing" }),
      'tenant "initech" is not declared',
    ],
  ];
  for (const [what, client, reason] of refused) {
    test(`${what} is refused even where TLS lets it through: ${String(reason)}`, async () => {
      await using listener = await Listener.listen({ rejectUnauthorized: false });
      const { answer, socket } = await listener.connect(client());
      expect(answer).toBeInstanceOf(IdentityRefused);
      expect((answer as Error).message).toBe(reason);
      expect(listener.connections.size).toBe(0);
      expect(() => listener.connections.connectionOf(endsOf(socket)).identity.principal).toThrow(Unauthenticated);
    });
  }

  test("that resumes a session is refused", async () => {
    await using listener = await Listener.listen();
    const first = await listener.connect(billing());
    // A ticket comes with the first bytes after the handshake.
    const ticket = once(first.client, "session") as Promise<[Buffer]>;
    first.client.resume();
    first.socket.write("x");
    const [session] = await ticket;
    const second = await listener.connect(billing(), { session });
    expect(second.client.isSessionReused()).toBe(true);
    expect(second.answer).toBeInstanceOf(IdentityRefused);
    expect((second.answer as Error).message).toBe("the TLS session was resumed");
    expect(listener.connections.size).toBe(1);
  });

  test("that is gone before it is judged is refused", async () => {
    await using listener = await Listener.listen();
    const { socket } = await listener.connect(billing());
    socket.destroy();
    expect(() => listener.connections.admit(socket)).toThrow(IdentityRefused);
    await once(socket, "close");
    expect(() => listener.connections.admit(socket)).toThrow(IdentityRefused);
    expect(listener.connections.size).toBe(0);
  });
});

describe("two connections", () => {
  test("from one port to two addresses keep their own principals", async () => {
    await using listener = await Listener.listen();
    // A port is shared only by sockets that were all bound to their address.
    const one = await listener.connect(billing(), { host: "127.0.0.1", localAddress: "127.0.0.1" });
    const localPort = one.socket.remotePort!;
    const two = await listener.connect(reports(), { host: "127.0.0.2", localAddress: "127.0.0.1", localPort });
    expect(two.socket.remotePort).toBe(localPort);
    expect(two.socket.remoteAddress).toBe(one.socket.remoteAddress);
    expect(listener.connections.connectionOf(endsOf(one.socket)).identity.principal.name).toBe("billing");
    expect(listener.connections.connectionOf(endsOf(two.socket)).identity.principal.name).toBe("reports");

    const ends = endsOf(one.socket);
    one.client.destroy();
    await once(one.socket, "close");
    expect(() => listener.connections.connectionOf(ends).identity.principal).toThrow(Unauthenticated);
    expect(listener.connections.connectionOf(endsOf(two.socket)).identity.principal.name).toBe("reports");
  });

  test("with the same ends one after the other: the later one evicts the earlier and outlives its close", async () => {
    await using listener = await Listener.listen();
    const raw = net.connect(listener.port, "127.0.0.1");
    const one = await listener.connect(billing(), { socket: raw });
    const localPort = one.socket.remotePort!;
    const closed = once(one.socket, "close");
    // Not reading, the server does not notice that the client reset the connection and took the port again.
    stopReading(one.socket);
    raw.resetAndDestroy();
    await once(raw, "close");
    expect(listener.connections.size).toBe(1);
    const two = await listener.connect(reports(), { localAddress: "127.0.0.1", localPort });
    expect(endsOf(two.socket)).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: localPort });
    expect(one.socket.destroyed).toBe(true);
    expect(listener.connections.connectionOf(endsOf(two.socket)).identity.principal.name).toBe("reports");
    await closed;
    expect(listener.connections.connectionOf(endsOf(two.socket)).identity.principal.name).toBe("reports");
    expect(listener.connections.size).toBe(1);
  });
});

describe("a tenant's limit of connections", () => {
  test("is kept exactly: one more is let in, refused every call, and closed", async () => {
    await using listener = await Listener.listen();
    listener.limit = 2;
    const within = [await listener.connect(billing()), await listener.connect(reports())];
    const over = await listener.connect(billing());
    expect(over.answer).toEqual({ tenant: "acme", name: "billing" });
    const refused = (): unknown => listener.connections.connectionOf(endsOf(over.socket)).identity.principal;
    expect(refused).toThrow(QuotaExceeded);
    expect([...listener.connections].at(-1)?.refusal).toMatchObject({
      facts: { tenant: "acme", limit: "connections", maximum: "2" },
      quotaSubject: "tenant:acme",
    });
    for (const { socket } of within)
      expect(listener.connections.connectionOf(endsOf(socket)).identity.principal.tenant).toBe("acme");
    over.client.resume();
    const since = performance.now();
    await Promise.all([once(over.client, "close"), once(over.socket, "close")]);
    expect(performance.now() - since).toBeLessThan(2_500);
    expect(listener.connections.size).toBe(2);
  });

  test("is that of one tenant, and there is room again when one closes", async () => {
    await using listener = await Listener.listen();
    listener.limit = 1;
    const first = await listener.connect(billing());
    const other = await listener.connect(authority.issue({ principal: "globex/billing" }));
    expect(listener.connections.connectionOf(endsOf(other.socket)).identity.principal.tenant).toBe("globex");
    first.client.destroy();
    await once(first.socket, "close");
    const next = await listener.connect(billing());
    expect(listener.connections.connectionOf(endsOf(next.socket)).identity.principal.name).toBe("billing");
  });

  test("follows what the policy says now, and cuts nobody who is in", async () => {
    await using listener = await Listener.listen();
    const inside = [await listener.connect(billing()), await listener.connect(billing())];
    listener.limit = 1;
    const over = await listener.connect(billing());
    expect(() => listener.connections.connectionOf(endsOf(over.socket)).identity.principal).toThrow(QuotaExceeded);
    listener.limit = 3;
    const next = await listener.connect(billing());
    for (const { socket } of [...inside, next]) listener.connections.connectionOf(endsOf(socket));
  });

  test("lets no more than sixteen beyond it in to be answered", async () => {
    await using listener = await Listener.listen();
    listener.limit = 1;
    const certificate = billing();
    for (let count = 0; count < 17; count++) {
      expect((await listener.connect(certificate)).answer).toEqual({ tenant: "acme", name: "billing" });
    }
    const { answer } = await listener.connect(certificate);
    expect(answer).toBeInstanceOf(IdentityRefused);
    expect((answer as Error).message).toBe("tenant acme is at its limit: connections is 1");
    expect((await listener.connect(authority.issue({ principal: "globex/a" }))).answer).toMatchObject({ name: "a" });
  });
});

describe("the principal who can always get at the policy", () => {
  const root = () => authority.issue({ principal: "ops/root" });

  test("is let in although its tenant is not declared, and nobody else of that tenant is", async () => {
    await using listener = await Listener.listen();
    const { socket, answer } = await listener.connect(root());
    expect(answer).toEqual({ tenant: "ops", name: "root" });
    expect(listener.connections.connectionOf(endsOf(socket)).identity.principal).toBe(answer);
    const other = await listener.connect(authority.issue({ principal: "ops/roots" }));
    expect(other.answer).toMatchObject({ message: 'tenant "ops" is not declared' });
  });

  test("is let in although its tenant has all the connections that it may, and takes none of them", async () => {
    await using listener = await Listener.listen();
    listener.limit = 0;
    const inside = [await listener.connect(root()), await listener.connect(root())];
    for (const { socket } of inside)
      expect(listener.connections.connectionOf(endsOf(socket)).identity.principal.name).toBe("root");
    listener.limit = 1;
    const billed = await listener.connect(billing());
    expect(listener.connections.connectionOf(endsOf(billed.socket)).identity.principal.name).toBe("billing");
  });

  test("has to have a certificate that makes it that principal", async () => {
    await using listener = await Listener.listen({ rejectUnauthorized: false });
    const { answer } = await listener.connect(stranger.issue({ principal: "ops/root" }));
    expect(answer).toMatchObject({ message: "the certificate is missing or not trusted" });
  });
});

describe("judged again, a connection", () => {
  const revoked = (): never => {
    throw new IdentityRefused("revoked", "the certificate was revoked");
  };

  /** Of each connection that is ended: who it was, and why it is ended. */
  function endingsOf({ connections }: Listener): string[] {
    const told: string[] = [];
    const inWords = ({ identity, ended }: Connection): string =>
      `${identity.principal.name}: ${ended!.problem}: ${ended!.message}`;
    connections.onEnded((connection) => told.push(inWords(connection)));
    return told;
  }

  test("whose peer is nobody any more lets no call in, and the others are left alone", async () => {
    await using listener = await Listener.listen();
    const told = endingsOf(listener);
    const [gone, stays] = [await listener.connect(billing()), await listener.connect(reports())];
    const { judge } = listener;
    const asked: unknown[] = [];
    listener.judge = (presented, isLive) => {
      asked.push(isLive);
      const identity = judge(presented);
      return identity.principal.name === "billing" ? revoked() : identity;
    };
    const judged = listener.connections.judgeAgain();
    // Of so few connections at once.
    expect(told).toEqual(["billing: revoked: the certificate was revoked"]);
    await judged;
    const [connection] = listener.connections;
    expect(connection!.ended).toMatchObject({ problem: "revoked" });
    expect(() => listener.connections.connectionOf(endsOf(gone.socket))).toThrow(connection!.ended);
    expect(() => connection!.check()).toThrow("the certificate was revoked");
    expect(listener.connections.connectionOf(endsOf(stays.socket)).ended).toBeUndefined();
    expect(asked).toEqual([true, true]);
    listener.judge = judge;
    await listener.connections.judgeAgain();
    // What has ended has ended.
    expect(() => listener.connections.connectionOf(endsOf(gone.socket))).toThrow("revoked");
    expect(told).toHaveLength(1);
  });

  test("that stands for another principal is ended, and not given to that one", async () => {
    await using listener = await Listener.listen();
    const told = endingsOf(listener);
    const { socket } = await listener.connect(billing());
    const { judge } = listener;
    listener.judge = (presented) => ({ ...judge(presented), principal: { tenant: "acme", name: "root" } });
    await listener.connections.judgeAgain();
    expect(told).toEqual(["billing: no_name: the certificate stands for another principal now"]);
    expect(() => listener.connections.connectionOf(endsOf(socket))).toThrow("another principal");
  });

  test("is ended also where the judge fails, which its caller learns nothing of", async () => {
    await using listener = await Listener.listen();
    const told = endingsOf(listener);
    await listener.connect(billing());
    listener.judge = () => {
      throw new TypeError("a defect at /a/path");
    };
    await listener.connections.judgeAgain();
    expect(told).toEqual(["billing: untrusted: the certificate could not be judged again"]);
  });

  test("gets no message in before its turn has come, and everybody else has turns in between", async () => {
    await using listener = await Listener.listen();
    const told = endingsOf(listener);
    const all = [];
    for (let count = 0; count < 4; count++) all.push(await listener.connect(billing()));
    let judged = 0;
    listener.judge = () => {
      judged++;
      // Longer than a stretch.
      for (const until = performance.now() + 26; performance.now() < until;);
      return revoked();
    };
    const connections = [...listener.connections];
    const judging = listener.connections.judgeAgain();
    expect([judged, told.length]).toEqual([1, 1]);
    expect(connections[3]!.ended).toBeUndefined();
    expect(() => connections[3]!.check()).toThrow("revoked");
    // Told of in a turn of its own: the refusal of the message that has found it goes first.
    expect([judged, told.length]).toEqual([2, 1]);
    let turns = 0;
    const count = (): void => {
      turns++;
      if (told.length < 4) setImmediate(count);
    };
    setImmediate(count);
    await judging;
    expect([judged, told.length]).toEqual([4, 4]);
    expect(turns).toBeGreaterThanOrEqual(2);
  });

  test("that takes long to end leaves everybody else their turns too", async () => {
    await using listener = await Listener.listen();
    for (let count = 0; count < 3; count++) await listener.connect(billing());
    let told = 0;
    listener.connections.onEnded(() => {
      told++;
      // Longer than a stretch.
      for (const until = performance.now() + 26; performance.now() < until;);
    });
    listener.judge = revoked;
    const toldByTurn: number[] = [];
    const judging = listener.connections.judgeAgain();
    while (told < 3) {
      toldByTurn.push(told);
      await new Promise(setImmediate);
    }
    await judging;
    expect(toldByTurn).toEqual([1, 2]);
  });

  test("is closed when all that end with it have been told why, also where another change comes meanwhile", async () => {
    await using listener = await Listener.listen();
    for (let count = 0; count < 3; count++) await listener.connect(billing());
    const steps: string[] = [];
    listener.connections.onEnded(({ id }) => steps.push(`tell ${id}`));
    listener.connections.onEnded(({ id }) => steps.push(`close ${id}`));
    listener.judge = () => {
      // Longer than a stretch.
      for (const until = performance.now() + 26; performance.now() < until;);
      return revoked();
    };
    const judging = listener.connections.judgeAgain();
    // Another change, which finds one that has not had its turn.
    await listener.connections.judgeAgain();
    await judging;
    expect(steps).toEqual(["tell 1", "tell 2", "tell 3", "close 1", "close 2", "close 3"]);
  });
});

describe("a certificate's end", () => {
  // A day less than the authority has left.
  const year = 364 * 24 * 3_600_000;

  test("a year ahead is waited for, by a clock that may jump there", async () => {
    await using listener = await Listener.listen();
    const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + year);
    const { socket } = await listener.connect(authority.issue({ principal: "acme/billing", notAfter }));
    await listener.connect(authority.issue({ principal: "acme/reports", notAfter: new Date(Date.now() + 2 * year) }));
    const ended: Connection[] = [];
    const told = new Promise<void>((resolve) =>
      listener.connections.onEnded((connection) => {
        ended.push(connection);
        resolve();
      }),
    );
    let judged = 0;
    const { judge } = listener;
    listener.judge = (presented) => (judged++, judge(presented));
    // Node takes a longer time than 2^31 ms for none at all.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(judged).toBe(0);
    listener.now = () => notAfter.getTime() - 1;
    expect(listener.connections.connectionOf(endsOf(socket)).ended).toBeUndefined();
    listener.now = () => notAfter.getTime();
    const jumped = performance.now();
    await told;
    const [first, ...others] = ended;
    expect(performance.now() - jumped).toBeLessThan(1_500);
    expect(first!.ended).toMatchObject({ problem: "expired", message: "the certificate has expired" });
    expect(others).toEqual([]);
    expect(() => listener.connections.connectionOf(endsOf(socket))).toThrow("the certificate has expired");
    expect([...listener.connections].map(({ ended: why }) => why?.problem)).toEqual(["expired", undefined]);
  });

  test("is not the connection's where another authority vouches for it longer", async () => {
    await using listener = await Listener.listen();
    const { judge } = listener;
    const endsMs = Date.now() + 100;
    const asked = new Promise<void>((resolve) => {
      listener.judge = (presented, isLive) => {
        if (isLive === true) resolve();
        return { ...judge(presented), endsMs: isLive === true ? endsMs + year : endsMs };
      };
    });
    await listener.connect(billing());
    await asked;
    const [connection] = listener.connections;
    expect(Date.now()).toBeGreaterThanOrEqual(endsMs);
    expect([connection!.ended, connection!.identity.endsMs]).toEqual([undefined, endsMs + year]);
  });
});

test("disposal ends every connection and admits nobody any more", async () => {
  await using listener = await Listener.listen();
  const [one, two] = [await listener.connect(billing()), await listener.connect(reports())];
  const ends = [once(one.client, "close"), once(two.client, "close")];
  await listener.connections[Symbol.asyncDispose]();
  expect(listener.connections.size).toBe(0);
  expect([one.socket.destroyed, two.socket.destroyed]).toEqual([true, true]);
  for (const client of [one.client, two.client]) client.resume();
  await Promise.all(ends);
  expect((await listener.connect(billing())).answer).toBeInstanceOf(ShuttingDown);
  await listener.connections[Symbol.asyncDispose]();
});
