import type { Command } from "commander";
import { collect } from "./arguments.js";

/** Makes the command, and all below it, refuse a second value where one is taken: else the last would silently win. */
export function refuseRepeated(command: Command): void {
  for (const option of command.options) {
    const takesOne = (option.required || option.optional) && option.parseArg !== (collect as unknown);
    if (!takesOne) continue;
    let isGiven = false;
    command.on(`option:${option.name()}`, () => {
      if (isGiven) command.error(`error: option '${option.flags}' is given more than once, and takes one value`);
      isGiven = true;
    });
  }
  for (const each of command.commands) refuseRepeated(each);
}
