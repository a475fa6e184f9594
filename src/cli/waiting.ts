/** What is said on stderr of a server that is gone and is waited for, and of its return. */
import type { FollowOptions } from "../client/index.js";
import { shortened } from "./unreachable.js";

/** Whoever looks at a pipe must not take it for stuck. */
export class Waiting {
  readonly #address: string;
  readonly #asJson: boolean;
  #isWaiting = false;

  /** @param asJson one object on each line */
  constructor(address: string, asJson: boolean) {
    this.#address = address;
    this.#asJson = asJson;
  }

  readonly begin: NonNullable<FollowOptions["onWaiting"]> = ({ message }, forMs) => {
    this.#isWaiting = true;
    const reason = shortened(message);
    const how =
      forMs === Infinity
        ? `trying again until it is back (${reason})`
        : `waiting up to ${Math.round(forMs / 1000)} s for it`;
    this.#say({ event: "WAITING", message: `the server at ${this.#address} is gone; ${how}`, reason });
  };

  readonly end = (): void => {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#say({ event: "BACK", message: "the server is back; going on" });
  };

  #say(event: { readonly event: string; readonly message: string; readonly reason?: string }): void {
    process.stderr.write(this.#asJson ? `${JSON.stringify(event)}\n` : `aclog: ${event.message}\n`);
  }
}
