/** Amounts that are none, in Mesos' words: they must not reach the arithmetic. */
import type { Resource } from '../../mesos/types.ts';
import { resourceText } from './resource-text.ts';

export function validateAmounts(resources: readonly Resource[] | undefined): string | undefined {
  for (const resource of resources ?? []) {
    const invalid = validateAmount(resource);
    if (invalid !== undefined) return `Resource '${resourceText(resource)}' is invalid: ${invalid}`;
  }
  return undefined;
}

function validateAmount(resource: Resource): string | undefined {
  switch (resource.type) {
    case 'SCALAR': {
      const value = resource.scalar?.value;
      if (value === undefined || resource.ranges !== undefined || resource.set !== undefined) {
        return 'Invalid scalar resource';
      }
      return Number.isFinite(value) && value > 0 ? undefined : 'Invalid scalar resource: value <= 0';
    }
    case 'RANGES': {
      const ranges = resource.ranges?.range;
      if (ranges === undefined) return 'Invalid ranges resource';
      const wrong = ranges.some(({ begin, end }) => !(begin >= 0 && begin <= end));
      return wrong ? 'Invalid ranges resource: begin > end' : undefined;
    }
    case 'SET':
      return resource.set?.item === undefined ? 'Invalid set resource' : undefined;
    default:
      return 'Unsupported resource type';
  }
}
