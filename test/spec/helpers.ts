import type { Desired, DesiredBroker } from '../../src/model/desired.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { renderProblems } from '../../src/spec/render-problems.ts';

/** A document with this text under `spec:`, indented by two. */
export function documentOf(spec: string, name = 'demo'): string {
  const indented = spec.replace(/^(?=.)/gm, '  ');
  return `apiVersion: kafka-mesos/v1\nkind: KafkaCluster\nmetadata: { name: ${name} }\nspec:\n${indented}\n`;
}

/** The only cluster of the text; throws the rendered problems where there are errors. */
export function desiredOf(text: string): Desired {
  const files = [{ path: 'test.yaml', text }];
  const { clusters, problems } = parseSpec(files);
  const [cluster] = clusters;
  if (cluster === undefined) throw new Error(renderProblems(problems, { files }));
  return cluster.desired;
}

export function brokerOf(text: string, id: number): DesiredBroker {
  const broker = desiredOf(text).brokers.find((candidate) => candidate.id === id);
  if (broker === undefined) throw new Error(`no broker ${id}`);
  return broker;
}

/** `CODE path` of each problem. */
export function codesOf(...texts: readonly string[]): readonly string[] {
  const files = texts.map((text, index) => ({ path: `${index}.yaml`, text }));
  return parseSpec(files).problems.map(({ code, path }) => `${code} ${path}`);
}
