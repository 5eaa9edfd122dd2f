/**
 * Candidates for the last of some words, from commander's own structure. Values that only a scheduler or the home
 * knows are named by their kind, and found by whoever asks.
 */
import type { Argument, Command, Option } from 'commander';

export type ValueKind =
  | 'brokers'
  | 'clusters'
  | 'contexts'
  | 'explained'
  | 'fields'
  | 'outputs'
  | 'revisions'
  | 'selectors'
  | 'waiting'
  | 'waited';

export type Candidate = {
  readonly value: string;
  readonly description?: string;
  /** No space comes after it: what is meant is a part of it, perhaps. */
  readonly goesOn?: boolean;
};

export type Completion = {
  readonly candidates: readonly Candidate[];
  /** What else may stand there. */
  readonly values?: ValueKind;
  readonly files?: true;
  /** What stands before the value in the same word: `--cluster=`. */
  readonly prefix: string;
  /** The command's names, without the program's. */
  readonly path: readonly string[];
  /** Options on the line so far that say whom to ask, by attribute name. */
  readonly options: Readonly<Record<string, string>>;
  /** Arguments that are complete. */
  readonly operands: readonly string[];
};

/** `words` are those after the program's name; the last is the one to be completed, and may be empty. */
export function complete(program: Command, words: readonly string[]): Completion {
  const last = words.at(-1) ?? '';
  let command = program;
  const path: string[] = [];
  const options: Record<string, string> = {};
  const operands: string[] = [];
  const used = new Set<string>();
  let pending: Option | undefined;
  let onlyOperands = false;
  for (const word of words.slice(0, -1)) {
    if (pending !== undefined && !(pending.variadic && word.startsWith('-'))) {
      options[pending.attributeName()] = word;
      if (!pending.variadic) pending = undefined;
    } else if (word === '--') {
      onlyOperands = true;
    } else if (word.startsWith('-') && !onlyOperands) {
      const [flag = '', value] = splitFlag(word);
      const option = optionOf(command, flag);
      if (option !== undefined) used.add(option.attributeName());
      if (option !== undefined && value !== undefined) options[option.attributeName()] = value;
      pending = option !== undefined && takesValue(option) && value === undefined ? option : undefined;
    } else {
      const next = operands.length === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (next === undefined) operands.push(word);
      else {
        command = next;
        path.push(word);
      }
    }
  }
  const found = { candidates: [], prefix: '', path, options, operands };
  const isFlag = last.startsWith('-') && !onlyOperands;
  if (pending !== undefined && !(pending.variadic && isFlag)) return { ...found, ...valuesOf(pending) };
  const [flag = '', value] = splitFlag(last);
  const own = optionOf(command, flag);
  if (isFlag && value !== undefined) {
    return own === undefined ? found : { ...found, ...valuesOf(own), prefix: `${flag}=` };
  }
  if (isFlag) {
    const visible = command.createHelp().visibleOptions(command);
    const free = visible.filter((one) => one.variadic || !used.has(one.attributeName()));
    return {
      ...found,
      candidates: free.map((one) => ({ value: one.long ?? one.short ?? '', description: one.description })),
    };
  }
  const children = operands.length === 0 ? command.createHelp().visibleCommands(command) : [];
  if (children.length > 0) {
    const candidates = children.map((one) => ({ value: one.name(), description: one.description() }));
    return { ...found, candidates };
  }
  const { registeredArguments } = command;
  const argument =
    registeredArguments[operands.length] ?? registeredArguments.findLast((one) => one.variadic);
  return argument === undefined ? found : { ...found, ...argumentValues(argument, path) };
}

function splitFlag(word: string): readonly [string, string?] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

function optionOf(command: Command, flag: string): Option | undefined {
  return command.options.find((one) => one.long === flag || one.short === flag);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

type Values = Pick<Completion, 'candidates' | 'values' | 'files'>;

const byOption: Readonly<Record<string, ValueKind>> = {
  '--cluster': 'clusters',
  '--context': 'contexts',
  '--columns': 'fields',
  '--sort-by': 'fields',
  '--selector': 'selectors',
  '--for': 'waiting',
};

function valuesOf(option: Option): Values {
  if (option.argChoices !== undefined) return { candidates: option.argChoices.map((value) => ({ value })) };
  const kind = byOption[option.long ?? ''];
  // `broker stop 2 --for 2h` is another one.
  if (kind !== undefined && !(kind === 'waiting' && option.parseArg !== undefined)) {
    return { candidates: [], values: kind };
  }
  if (option.long === '--output') return { candidates: [], values: 'outputs' };
  return /[<[](\[platform=\])?(path|file|directory|archive)/.test(option.flags)
    ? { candidates: [], files: true }
    : { candidates: [] };
}

/** By the argument's name; the commands that mean another thing by it are named first. */
const byArgument: Readonly<Record<string, ValueKind>> = {
  'context use name': 'contexts',
  'context set name': 'contexts',
  'context remove name': 'contexts',
  'wait what': 'waited',
  'explain path': 'explained',
  broker: 'brokers',
  id: 'brokers',
  ids: 'brokers',
  cluster: 'clusters',
  name: 'clusters',
  revision: 'revisions',
};

function argumentValues(argument: Argument, path: readonly string[]): Values {
  if (argument.argChoices !== undefined)
    return { candidates: argument.argChoices.map((value) => ({ value })) };
  const name = argument.name();
  if (name === 'directory') return { candidates: [], files: true };
  // Agents of local Mesos, say, are nothing that a scheduler knows.
  const kind =
    byArgument[`${path.join(' ')} ${name}`] ?? (path[0] === 'local' ? undefined : byArgument[name]);
  return kind === undefined ? { candidates: [] } : { candidates: [], values: kind };
}
