import { OperatorError } from "../errors.js";
import { didYouMean } from "../suggest.js";
import type { SurveyedTopic } from "./survey.js";

/** Which topics are meant: those that both are true of. */
export interface TopicFilter {
  readonly tenant?: string | undefined;
  /** A name or an id. */
  readonly topic?: string | undefined;
}

/** @throws OperatorError that names the flag of which there is no topic */
export function selected(topics: readonly SurveyedTopic[], { tenant, topic }: TopicFilter): readonly SurveyedTopic[] {
  const ofTenant = topics.filter(({ name }) => tenant === undefined || name.tenant === tenant);
  if (tenant !== undefined && ofTenant.length === 0) {
    const tenants = new Set(topics.map(({ name }) => name.tenant));
    throw none("--tenant", `there is no topic of ${tenant}${didYouMean(tenant, tenants)}`);
  }
  const found = ofTenant.filter(({ name }) => topic === undefined || name.topic === topic || name.topicId === topic);
  if (topic !== undefined && found.length === 0) {
    const names = new Set(ofTenant.flatMap(({ name }) => (name.topic === undefined ? [] : [name.topic])));
    throw none("--topic", `there is no topic ${topic}${didYouMean(topic, names)}`);
  }
  return found;
}

function none(source: string, problem: string): OperatorError {
  return new OperatorError("nothing to look at", [{ source, problem }]);
}
