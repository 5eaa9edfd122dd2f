/** What `kafka-mesos explain` knows: the fields of a spec, and those of the scheduler's configuration below `scheduler`. */
import schedulerSchema from '../../schema/scheduler-config.schema.json' with { type: 'json' };
import { didYouMean } from '../spec/did-you-mean.ts';
import { describeField, type Field } from '../spec/explain.ts';
import { CommandError } from './errors.ts';

const schedulerPath = 'scheduler';

/** Undefined when there is no such field. */
export function findField(path: string): Field | undefined {
  const [first, ...rest] = stepsOf(path);
  if (first !== schedulerPath) return describeField(path);
  const all = schedulerField();
  return rest.length === 0
    ? all
    : rest.length === 1
      ? all.children.find((one) => one.name === rest[0])
      : undefined;
}

/** The field, or an error that names what was probably meant. */
export function demandField(path: string): Field {
  const found = findField(path);
  if (found !== undefined) return found;
  const meant = meantBy(path);
  throw new CommandError('KM_CLI_NO_FIELD', `there is no field ${path}`, {
    remedy:
      meant.length > 0
        ? `did you mean ${meant.join(', or ')}?`
        : `${['kafka-mesos explain', ...nearestParent(path)].join(' ')} shows what there is`,
  });
}

/** Every field below one, itself first, in the order of the schema. */
export function* fieldsBelow(path: string, depth = 16): Iterable<Field> {
  const field = findField(path);
  if (field === undefined) return;
  yield field;
  if (depth > 0) for (const child of field.children) yield* fieldsBelow(child.path, depth - 1);
}

/** Fields of that last name anywhere, else what is spelt nearly so beside where the path goes wrong. */
function meantBy(path: string): readonly string[] {
  const steps = stepsOf(path);
  const last = steps.at(-1) ?? '';
  const everywhere = [...fieldsBelow(''), ...fieldsBelow(schedulerPath)];
  const tail = `.${steps.join('.')}`;
  const plain = (one: Field) => `.${stepsOf(one.path).join('.')}`;
  const complete = everywhere.filter((one) => plain(one).endsWith(tail));
  if (complete.length > 0) return few(complete);
  for (let known = steps.length - 1; known >= 0; known -= 1) {
    const parent = findField(steps.slice(0, known).join('.'));
    if (parent === undefined) continue;
    const names = parent.children.map((one) => one.name);
    const near = didYouMean(steps[known] ?? '', names);
    if (near !== undefined) return [parent.children.find((one) => one.name === near)?.path ?? near];
    break;
  }
  return few(everywhere.filter((one) => one.name === last));
}

/** What is defined once and used in several places is named at the first of them, and a few at most. */
function few(fields: readonly Field[]): readonly string[] {
  return [...new Set(fields.map((one) => one.path))].slice(0, 3);
}

function nearestParent(path: string): readonly string[] {
  const steps = stepsOf(path);
  for (let known = steps.length - 1; known > 0; known -= 1) {
    const parent = steps.slice(0, known).join('.');
    if (findField(parent) !== undefined) return [parent];
  }
  return [];
}

function stepsOf(path: string): readonly string[] {
  return path
    .replace(/\[[^\]]*\]/g, '')
    .split('.')
    .filter((step) => step !== '');
}

function schedulerField(): Field {
  return {
    ...plainField(schedulerPath, 'map', schedulerSchema.description),
    children: Object.entries(schedulerSchema.properties).map(([name, property]) => {
      const { description, ...more } = property;
      const words = 'enum' in more ? more.enum.map((one) => `\`${one}\``).join(', ') : undefined;
      const type = words ?? ('anyOf' in more ? 'text or list of text' : 'text');
      return {
        ...plainField(`${schedulerPath}.${name}`, type, description),
        ...('default' in more ? { default: more.default } : {}),
      };
    }),
  };
}

function plainField(path: string, type: string, description: string): Field {
  return {
    path,
    name: path.split('.').at(-1) ?? '',
    type,
    description,
    required: false,
    examples: [],
    limits: [],
    later: false,
    children: [],
  };
}
