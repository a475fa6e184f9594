/** Where to listen or whom to call. */
export interface Address {
  /** A name or an IP address, without the brackets that IPv6 is written with. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** Reads `host:port` or `[address]:port`; undefined if the text is neither. */
export function parseAddress(text: string): Address | undefined {
  const [, literal, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = literal ?? name;
  const port = Number(digits);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/** `127.0.0.1:8400`, `[::1]:8400`. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
