import type { Checked } from './checks.ts';
import type { Defaults, KafkaCluster, Override, Pool } from './document.ts';
import type { BrokerFields } from './layers.ts';
import type { Path } from './path.ts';

/**
 * The document with these fields of brokers only, each where it can be read, so that brokers can be resolved
 * from it however wrong the rest is. What has no meaning for the fields asked for is made up.
 */
export function pickFields(checked: Checked, fields: readonly (keyof BrokerFields)[]): KafkaCluster {
  const { document, isReadable, hasShape } = checked;
  const pick = <T extends Defaults | Pool | Override>(path: Path, layer: T): T =>
    Object.fromEntries(
      fields.flatMap((field) => {
        const value: unknown = isReadable(...path, field) ? layer[field as keyof T] : undefined;
        return value === undefined ? [] : [[field, value]];
      }),
    ) as T;
  const { spec } = document;
  // Brokers that are resolved want a disk; it is nothing to judge unless it is asked for.
  const madeUp = fields.includes('storage') ? {} : { storage: { size: '1GiB' } };
  const { defaults, listeners, controllerListener } = spec;
  return {
    ...document,
    spec: {
      ...(listeners !== undefined && isReadable('spec', 'listeners') && { listeners }),
      ...(controllerListener !== undefined &&
        isReadable('spec', 'controllerListener') && { controllerListener }),
      ...(defaults !== undefined &&
        hasShape('spec', 'defaults') && { defaults: pick(['spec', 'defaults'], defaults) }),
      pools: (hasShape('spec', 'pools') ? spec.pools : []).map((pool, index) => {
        const path = ['spec', 'pools', index];
        if (!hasShape(...path)) return { name: '', ids: [] };
        const overrides = hasShape(...path, 'overrides') ? Object.entries(pool.overrides ?? {}) : [];
        return {
          ...madeUp,
          ...pick(path, pool),
          name: isReadable(...path, 'name') ? pool.name : '',
          ids: isReadable(...path, 'ids') ? pool.ids : [],
          overrides: Object.fromEntries(
            overrides
              .map(([id, override]) => [id, override, [...path, 'overrides', id]] as const)
              .filter(([, , place]) => hasShape(...place))
              .map(([id, override, place]) => [id, pick(place, override)]),
          ),
        };
      }),
    },
  };
}

/** Whether it is known how many nodes of which role there are. */
export function hasKnownNodes({ document, isSound, hasShape }: Checked): boolean {
  return (
    hasShape('spec', 'pools') &&
    isSound('spec', 'defaults', 'roles') &&
    (document.spec?.pools ?? []).every(
      (_, index) => isSound('spec', 'pools', index, 'ids') && isSound('spec', 'pools', index, 'roles'),
    )
  );
}
