import type { SpecNode } from './node.ts';
import { formatPath, type Path } from './path.ts';
import type { Finding } from './problems.ts';

/**
 * What the format knows and this version does not act on. Each is refused by name: an ignored field would
 * let its author believe in it. `*` stands for any key or index; `values`, where given, are the only
 * values refused. A row goes when the field is acted on, and with it the words in the schema.
 */
export const notYet: readonly NotYet[] = [
  { path: 'spec.scaleIn' },
  { path: 'spec.quotas', remedy: 'Set quotas by `kafka-configs.sh` for now.' },
  { path: 'spec.authorization' },
  { path: 'spec.kafka.metadataVersion', remedy: 'Finalise upgrades by `kafka-features.sh` for now.' },
  { path: 'spec.rollout.maxUnavailable', remedy: 'Brokers are restarted one at a time.' },
  { path: 'spec.reassignment', remedy: 'Replicas are not moved by this version.' },
  {
    path: 'spec.listeners.*.protocol',
    values: ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL'],
    remedy: 'Use PLAINTEXT, in a network that you trust.',
  },
  { path: 'spec.listeners.*.tls' },
  { path: 'spec.listeners.*.sasl' },
  { path: 'spec.topics.*.brokers', remedy: 'Kafka chooses the brokers, by rack.' },
  { path: 'spec.topics.*.state', remedy: 'A topic that is not listed is left alone.' },
  { path: 'spec.pools.*.autoscale' },
  ...['spec.defaults', 'spec.pools.*', 'spec.pools.*.overrides.*'].flatMap((place) => [
    { path: `${place}.container`, remedy: 'Brokers run as plain processes of the agent.' },
    { path: `${place}.files` },
    { path: `${place}.discovery` },
    { path: `${place}.metrics` },
  ]),
];

export type NotYet = {
  readonly path: string;
  readonly values?: readonly string[];
  /** Added to "Remove it." */
  readonly remedy?: string;
};

/** One finding for each such field that is there. */
export function findNotYet(root: SpecNode): readonly Finding[] {
  return notYet.flatMap((row) =>
    expand(root, row.path.split('.'), []).flatMap(({ path, node }) => {
      const text = node.kind === 'scalar' ? node.text : undefined;
      if (row.values !== undefined && !(text !== undefined && row.values.includes(text))) return [];
      const what = row.values === undefined ? formatPath(path) : `${formatPath(path)} ${text}`;
      return [
        {
          code: 'KM_SPEC_NOT_YET',
          path,
          on: row.values === undefined ? ('key' as const) : ('value' as const),
          message: `${what} is not acted on by this version`,
          remedy: row.values === undefined ? ['Remove it.', row.remedy ?? ''].join(' ').trim() : row.remedy,
        },
      ];
    }),
  );
}

function expand(
  node: SpecNode,
  steps: readonly string[],
  path: Path,
): readonly { path: Path; node: SpecNode }[] {
  const [step, ...rest] = steps;
  if (step === undefined) return [{ path, node }];
  if (node.kind === 'scalar') return [];
  const children: readonly (readonly [string | number, SpecNode])[] =
    node.kind === 'list'
      ? [...node.items.entries()]
      : [...node.entries].map(([key, entry]) => [key, entry.value] as const);
  return children
    .filter(([key]) => step === '*' || step === key)
    .flatMap(([key, child]) => expand(child, rest, [...path, key]));
}
