import type { Field } from '../../spec/explain.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { demandField, fieldsBelow } from '../explained.ts';
import { hang, type Style, truncate, widthOf } from '../format/text.ts';
import { type OutputOptions, print } from '../output.ts';

export type ExplainOptions = OutputOptions & { readonly recursive?: boolean };

/** Needs no scheduler: the schema is a part of the program. */
export async function explain(
  context: Context,
  path: string | undefined,
  options: ExplainOptions,
): Promise<ExitCode> {
  const field = demandField(path ?? '');
  const width = Number.isFinite(context.io.width) ? context.io.width : 100;
  const { style } = context.io;
  if (options.recursive === true) {
    const below = [...fieldsBelow(field.path)];
    await print(context, options, below, () => renderTree(field, below.slice(1), style, width));
  } else {
    await print(context, options, field, () => renderField(field, style, width));
  }
  return exitCodes.ok;
}

function renderField(field: Field, style: Style, width: number): string {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['FIELD', field.path === '' ? 'the document' : field.path],
    ['TYPE', typeText(field)],
    ['REQUIRED', field.required ? 'yes' : undefined],
    ['DEFAULT', field.default],
    ['LIMITS', field.limits.length === 0 ? undefined : field.limits.join(', ')],
    ['EXAMPLES', field.examples.length === 0 ? undefined : field.examples.join(', ')],
    ['NOT YET', field.later ? 'a part of the format that this version refuses' : undefined],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === undefined ? [] : hang(`${name.padEnd(10)}`, value, width),
  );
  lines.push('', ...hang('  ', field.description, width));
  if (field.children.length > 0) {
    const isSomeRequired = field.children.some((one) => one.required);
    const title = isSomeRequired ? 'FIELDS (* has to be there)' : 'FIELDS';
    lines.push('', title, ...renderChildren(field.children, style, width));
  }
  if (field.path === '') {
    const more = 'Go on with one, as in: kafka-mesos explain spec.pools. Of the scheduler: explain scheduler';
    lines.push('', ...hang('', more, width).map(style.dim));
  }
  return `${lines.join('\n')}\n`;
}

/** Name, type and the first sentence, a line each. */
function renderChildren(children: readonly Field[], style: Style, width: number): readonly string[] {
  const names = Math.max(...children.map((one) => widthOf(nameText(one))));
  const types = Math.min(30, Math.max(...children.map((one) => widthOf(typeText(one)))));
  return children.map((one) => {
    const name = nameText(one).padEnd(names);
    const type = truncate(typeText(one), types).padEnd(types);
    const room = width - names - types - 6;
    const text = (one.later ? 'Not yet. ' : '') + firstSentence(one.description);
    return `  ${style.bold(name)}  ${style.dim(type)}  ${truncate(text, Math.max(16, room))}`.trimEnd();
  });
}

function renderTree(field: Field, below: readonly Field[], style: Style, width: number): string {
  const steps = (path: string) => (path === '' ? 0 : path.split('.').length);
  const indent = (one: Field) => '  '.repeat(steps(one.path) - steps(field.path) - 1);
  const lines = below.map((one) => {
    const facts = [typeText(one), ...(one.required ? ['required'] : []), ...(one.later ? ['not yet'] : [])];
    const text = `${indent(one)}${nameText(one)}  `;
    return text.slice(0, width) + style.dim(truncate(facts.join(', '), Math.max(8, width - widthOf(text))));
  });
  return `${[field.path === '' ? 'the document' : field.path, ...lines.map((line) => `  ${line}`)].join('\n')}\n`;
}

function nameText({ name, required }: Field): string {
  return required ? `${name}*` : name;
}

/** Without the marks that a page of Markdown would show as code. */
function typeText({ type }: Field): string {
  return type.replaceAll('`', '');
}

function firstSentence(text: string): string {
  return /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text;
}
