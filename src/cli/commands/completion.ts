import type { Command } from 'commander';
import { type Candidate, type Completion, complete, type ValueKind } from '../complete.ts';
import { completionScripts, type Shell } from '../completion-scripts.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { printable, truncate } from '../format/text.ts';
import { readContexts } from '../read-contexts.ts';

export async function completion({ io }: Context, shell: Shell): Promise<ExitCode> {
  io.out(completionScripts[shell]);
  return exitCodes.ok;
}

/** A person waits for it with a finger on the key. */
const timeoutMs = 1_000;

/**
 * Answers a completion script: a candidate a line, with a tab and what it is; at last `:files` where files may stand
 * there too, `:more` where the word goes on. Never fails and says nothing else, whatever is wrong.
 */
export async function answerCompletion(
  context: Context,
  program: Command,
  words: readonly string[],
): Promise<ExitCode> {
  try {
    const asked = complete(program, words);
    const current = (words.at(-1) ?? '').slice(asked.prefix.length);
    const found = [...asked.candidates, ...(await valuesOf(context, asked, current))];
    const fitting = found.filter(({ value }) => value.startsWith(current) && isOneWord(value));
    const lines = fitting.map(({ value, description = '' }) => {
      const [first = ''] = printable(description.replace(/\s+/g, ' ')).split(/[.;] /);
      const text = truncate(first.replace(/\.$/, ''), 72);
      return `${asked.prefix}${value}${text === '' ? '' : `\t${text}`}\n`;
    });
    const goesOn =
      fitting.length > 0 && fitting.every((one) => one.goesOn === true || /[=.,]$/.test(one.value));
    const directive = asked.files === true ? ':files\n' : goesOn ? ':more\n' : '';
    context.io.out(lines.join('') + directive);
  } catch {
    // A shell has nowhere to show it; the command itself says it when it is run.
  }
  return exitCodes.ok;
}

/** Names come from a scheduler, and a shell may take them for more than a word. */
function isOneWord(value: string): boolean {
  return /^[A-Za-z0-9._@%+,:=/*[\]!-]+$/.test(value);
}

async function valuesOf(context: Context, asked: Completion, current: string): Promise<readonly Candidate[]> {
  const { values, path, operands } = asked;
  if (values === undefined) return [];
  switch (values) {
    case 'contexts': {
      const { all } = await readContexts(context.home.contextsFile);
      return all.map((one) => ({ value: one.name, description: one.api.join(', ') }));
    }
    case 'explained': {
      const { fieldsBelow, findField } = await import('../explained.ts');
      const parent = current.slice(0, Math.max(0, current.lastIndexOf('.')));
      const field = findField(parent);
      const below = field === undefined ? [] : [...fieldsBelow(field.path, 1)].slice(1);
      const plain = (text: string) => text.replaceAll('[]', '');
      return [
        ...(parent === ''
          ? [{ value: 'scheduler', description: "the scheduler's configuration", goesOn: true }]
          : []),
        ...below.map((one) => ({
          value: plain(one.path),
          description: one.description,
          goesOn: (findField(one.path)?.children.length ?? 0) > 0,
        })),
      ];
    }
    case 'outputs':
      return ['json', 'yaml', 'wide', 'name', 'custom-columns='].map((value) => ({ value }));
    case 'fields':
    case 'selectors':
      return fieldValues(values, path, current);
    case 'waiting': {
      const { wantedWords } = await import('../wait-condition.ts');
      return wantedWords(operands[0] === 'broker' ? 'broker' : 'cluster').map((value) => ({ value }));
    }
    case 'waited':
      if (operands[0] === 'broker')
        return operands.length > 1 ? [] : fromScheduler(context, asked, 'brokers');
      return operands.length > 0
        ? []
        : [
            { value: 'broker', description: 'one broker' },
            ...(await fromScheduler(context, asked, 'clusters')),
          ];
    case 'brokers':
    case 'clusters':
    case 'revisions':
      return fromScheduler(context, asked, values);
  }
}

/** The last of several with commas. */
async function fieldValues(
  kind: 'fields' | 'selectors',
  path: readonly string[],
  current: string,
): Promise<readonly Candidate[]> {
  const { fieldsOfKind } = await import('../fields.ts');
  const before = current.slice(0, current.lastIndexOf(',') + 1);
  const end = kind === 'selectors' ? '=' : '';
  return Object.keys(fieldsOfKind(path[1] ?? '')).map((name) => ({ value: `${before}${name}${end}` }));
}

async function fromScheduler(
  context: Context,
  { options, operands }: Completion,
  kind: Extract<ValueKind, 'brokers' | 'clusters' | 'revisions'>,
): Promise<readonly Candidate[]> {
  const { connect } = await import('../connect.ts');
  const { api, context: contextName, tokenFile } = options;
  const silent = { ...context, io: { ...context.io, err: () => {} } };
  const client = await connect(silent, {
    timeoutMs,
    ...(api === undefined ? {} : { api }),
    ...(contextName === undefined ? {} : { context: contextName }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
  });
  const clusters = await client.clusters();
  if (kind === 'clusters') {
    return clusters.map(({ name, phase, revision }) => ({
      value: name,
      description: `${phase}, revision ${revision}`,
    }));
  }
  const name = options.cluster ?? client.preferredCluster ?? operands[0];
  const cluster =
    clusters.find((one) => one.name === name) ?? (clusters.length === 1 ? clusters[0] : undefined);
  if (cluster === undefined) return [];
  if (kind === 'brokers') {
    return cluster.brokers.map(({ id, state, agent }) => ({
      value: String(id),
      description: agent === undefined ? state : `${state} on ${agent}`,
    }));
  }
  const revisions = (await client.revisions(cluster.name)) ?? [];
  return revisions.map(({ revision, author, outcome }) => ({
    value: String(revision),
    description: `by ${author}, ${outcome?.kind ?? 'in progress'}`,
  }));
}
