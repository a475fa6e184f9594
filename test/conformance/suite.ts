import { describe } from "vitest";
import { appending } from "./appending.js";
import { closing } from "./closing.js";
import { compaction } from "./compacting.js";
import type { Capabilities, OpenEngine } from "./engine.js";
import { againstModel } from "./model.js";
import { producersAgainstModel } from "./producing-model.js";
import { producing } from "./producing.js";
import { reading } from "./reading.js";
import { removing } from "./removing.js";
import { reopening } from "./reopening.js";
import { topics } from "./topics.js";
import { waiting } from "./waiting.js";

/**
 * What every engine behind the port does, whatever it is made of. An engine that is new runs it with a few lines: how
 * it is opened, and what it can and cannot.
 */
export function describeCommitLog(name: string, open: OpenEngine, capabilities: Capabilities): void {
  describe(`${name}: appending`, () => appending(open, capabilities));
  describe(`${name}: producers`, () => producing(open, capabilities));
  describe(`${name}: reading`, () => reading(open));
  describe(`${name}: waiting`, () => waiting(open));
  describe(`${name}: topics`, () => topics(open));
  describe(`${name}: removing`, () => removing(open, capabilities));
  describe(`${name}: compaction`, () => compaction(open, capabilities));
  describe(`${name}: closing`, () => closing(open, capabilities));
  if (capabilities.durable) describe(`${name}: reopening`, () => reopening(open));
  describe(`${name}: against a model`, () => {
    againstModel(open, capabilities);
    producersAgainstModel(open, capabilities);
  });
}
