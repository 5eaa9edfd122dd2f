import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml';
import { SpecError } from '../model/errors.ts';

/** Where an option's value stands, as `file:line:column`; only of values that nothing else wins over. */
export type ConfigPlaces = ReadonlyMap<string, string>;

const maxBytes = 64 * 1024;
/** Options that say something about one run, not about the scheduler. */
const notInFile: ReadonlySet<string> = new Set([
  'config',
  'registerAnew',
  'recover',
  'file',
  'frameworkId',
  'confirm',
]);

/** What may stand in the file, of the options of `kafka-mesos scheduler`. */
export function optionsInFile(command: Command): readonly Option[] {
  return command.options.filter((one) => !notInFile.has(one.attributeName()));
}

/**
 * Reads `scheduler --config FILE`: one YAML map, each key the name of an option in camel case (`artifactListen`
 * for `--artifact-listen`), each value as it would be written on the command line. What the command line or the
 * environment says wins.
 *
 * Errors: `SpecError` `KM_SPEC_CONFIG`, which names every mistake with its place. What can be read and not be used is
 * told by scheduler-mistakes.ts, with the places that this returns.
 */
export async function applySchedulerConfig(command: Command, path: string): Promise<ConfigPlaces> {
  const text = await readConfig(path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const problems: string[] = [];
  const places = new Map<string, string>();
  const placeOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const complain = (offset: number, message: string) => {
    problems.push(`${placeOf(offset)}: ${message}`);
  };
  const place = (name: string, offset: number) => {
    places.set(name, placeOf(offset));
  };
  for (const error of document.errors) complain(error.pos[0], error.message.split('\n')[0] ?? error.code);
  const { contents } = document;
  if (problems.length === 0 && contents !== null) {
    if (isMap(contents)) for (const pair of contents.items) apply(command, pair, complain, place);
    else complain(0, 'it is not a map of options, such as "master: zk://zk1:2181/mesos"');
  }
  if (problems.length > 0) {
    throw new SpecError('KM_SPEC_CONFIG', problems.join('\n'), {
      remedy: 'kafka-mesos scheduler --help names the options; a key is an option in camel case',
    });
  }
  return places;
}

async function readConfig(path: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length <= maxBytes) return text;
  } catch (error) {
    const { code = error } = error as NodeJS.ErrnoException;
    throw new SpecError('KM_SPEC_CONFIG', `the configuration ${path} cannot be read: ${code}`, {
      cause: error,
      remedy: 'check --config and the permissions of that file',
    });
  }
  throw new SpecError('KM_SPEC_CONFIG', `the configuration ${path} is larger than ${maxBytes / 1024} KiB`);
}

function apply(
  command: Command,
  pair: Pair,
  complain: (offset: number, message: string) => void,
  place: (name: string, offset: number) => void,
): void {
  const { key, value } = pair;
  const at = (node: unknown) => (isScalar(node) ? (node.range?.[0] ?? 0) : 0);
  const name = isScalar(key) ? String(key.value) : '';
  const options = optionsInFile(command);
  const option = options.find((one) => one.attributeName() === name);
  if (option === undefined) {
    const dashed = options.find((one) => one.name() === name)?.attributeName();
    const secret = ['secret', 'password', 'token', 'storeCredentials'].includes(name);
    complain(
      at(key),
      dashed !== undefined
        ? `write ${dashed} instead of ${name}`
        : secret
          ? `${name} does not belong into this file: name a file by secretFile, tokenFile or storeCredentialsFile`
          : `there is no option ${JSON.stringify(name)}; there are ${options.map((one) => one.attributeName()).join(', ')}`,
    );
    return;
  }
  if (option.isBoolean()) {
    const said = isScalar(value) ? value.value : undefined;
    if (typeof said !== 'boolean') complain(at(isScalar(value) ? value : key), `${name} wants true or false`);
    else if (command.getOptionValueSource(name) !== 'cli') {
      command.setOptionValueWithSource(name, said, 'config');
      place(name, at(value));
    }
    return;
  }
  // An option that may be repeated takes a list too.
  const isList = Array.isArray(option.defaultValue);
  const items = isList && isSeq(value) ? value.items : [value];
  const texts = items.map((item) => (isScalar(item) ? item.value : undefined));
  if (!texts.every((text) => typeof text === 'string' || typeof text === 'number')) {
    complain(at(isScalar(value) ? value : key), `${name} wants ${isList ? 'values' : 'one value'}`);
    return;
  }
  try {
    const first: unknown = isList ? [] : undefined;
    const parsed = texts.reduce((previous: unknown, text) => parse(option, String(text), previous), first);
    const source = command.getOptionValueSource(name);
    if (source !== 'cli' && source !== 'env') {
      command.setOptionValueWithSource(name, parsed, 'config');
      place(name, at(isScalar(value) ? value : key));
    }
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    complain(at(value), `${name}: ${error.message}`);
  }
}

function parse(option: Option, text: string, previous: unknown): unknown {
  return option.parseArg === undefined ? text : option.parseArg(text, previous);
}
