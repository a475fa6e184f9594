import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { isExact, isIndexable } from "../../src/authz/matcher-conditions.js";
import { exampleModel, warningsIn } from "./policy-folder.js";

const [roles, topic, action] = [
  "g(r.sub, p.sub, r.dom)",
  "topicMatch(r.obj, p.obj)",
  `(r.act == p.act || p.act == "*")`,
];
const all = `${roles} && ${topic} && ${action}`;

const matchers: [matcher: string, indexable: boolean, why: string][] = [
  [exampleModel.split("m = ")[1]!.trim(), true, "the example's"],
  [`${action}&&${topic}&&${roles}`, true, "another order, and no spaces"],
  [`((${roles}) && (${topic} && (${action})))`, true, "brackets that change nothing"],
  [`${roles} && ${topic} && ("*" == p.act || (p.act == r.act))`, true, "comparisons the other way round"],
  [`${roles} && ${topic} && r.act == p.act`, true, "less than a rule says of actions"],
  [`r.sub == p.sub && r.obj == p.obj && ${action}`, true, "less than a rule says of subjects and topics"],
  [`${all} && (r.dom == p.dom || p.dom == "*")`, true, "one thing more"],
  [`${all} || r.dom == p.dom`, false, "all of it or something else"],
  [`r.dom == p.dom || ${all}`, false, "something else or all of it"],
  [`(${all}) || r.dom == p.dom`, false, "all of it in brackets or something else"],
  [`${roles} && ${topic} && (${action} || r.dom == p.dom)`, false, "another way past the action"],
  [`(${roles} || r.dom == p.dom) && ${topic} && ${action}`, false, "another way past the subject"],
  [`!(${all})`, false, "the opposite"],
  [`!${roles} && ${topic} && ${action}`, false, "the opposite of one"],
  [`(${all}) == (p.dom == p.dom)`, false, "a comparison of it"],
  [`(${roles}) && (${topic}) || (${action})`, false, "brackets that are not around it all"],
  [`g(p.sub, r.sub, r.dom) && ${topic} && ${action}`, false, "roles the other way round"],
  [`g(r.sub, p.sub, p.dom) && ${topic} && ${action}`, false, "roles in the rule's tenant"],
  [`${roles} && topicMatch(p.obj, r.obj) && ${action}`, false, "patterns the other way round"],
  [`${roles} && ${topic} && r.act != p.act`, false, "every other action"],
  [`${roles} && ${topic}`, false, "nothing said of the action"],
  [`${roles} && ${action}`, false, "nothing said of the topic"],
  ["", false, "nothing"],
];

const tenant = `(r.dom == p.dom || (p.dom == "*" && r.dom != "_system"))`;
const exact: [matcher: string, is: boolean, why: string][] = [
  [exampleModel.split("m = ")[1]!.trim(), true, "the example's"],
  [`${all}&&(("_system"!=r.dom&&"*"==p.dom)||p.dom==r.dom)`, false, "a comparison that is not turned round"],
  [`(${topic} && ${action}) && (${tenant} && ${roles})`, true, "another order, and other brackets"],
  [all, false, "without the tenant"],
  [`${all} && (r.dom == p.dom || "*" && r.dom != "_system" == p.dom)`, false, "the same words put together otherwise"],
  [`${all} && ${tenant} && r.act != "admin"`, false, "one thing more"],
  [`${roles} && ${topic} && r.act == p.act && ${tenant}`, false, "another in place of one"],
];
describe("rules are compared with each other only under the example's matcher:", () => {
  for (const [matcher, is, why] of exact) {
    test(`${is ? "" : "not "}${why}`, () => assert.equal(isExact(matcher), is));
  }
});

describe("a matcher", () => {
  for (const [matcher, indexable, why] of matchers) {
    test(`${indexable ? "lets the index choose" : "has every rule looked at"}: ${why}`, () => {
      assert.equal(isIndexable(matcher), indexable);
    });
  }
  test("of which every rule has to be looked at is worth a warning", async () => {
    const matcher = exampleModel.replace(" && g(", " && (r.sub == p.sub || g(").replace(/(^m = .*$)/m, "$1)");
    const [warning, ...others] = await warningsIn({ "model.conf": matcher });
    assert.match(warning!, /^model\.conf:\d+:5: every decision looks at all rules of its tenant; to look at few, /);
    assert.deepEqual(others, []);
  });
});
