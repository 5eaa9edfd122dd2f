/** The JSON Schema of `scheduler --config FILE`, from the options themselves; written by generate.ts. */
import { Command, type Option } from 'commander';
import { addServiceCommands } from '../src/cli/program-services.ts';
import { parseDurationOption, parseListenOption } from '../src/cli/program-values.ts';
import { optionsInFile } from '../src/cli/scheduler-config.ts';

/** Stricter than the reader in nothing but this: a text that looks like a number wants quotes. */
export function schedulerConfigSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:kafka-mesos:v1:SchedulerConfig',
    title: 'SchedulerConfig',
    type: 'object',
    description:
      'What kafka-mesos scheduler --config reads: its options in camel case. The command line and the environment win over it. Secrets are named by file, never written here.',
    properties: Object.fromEntries(
      optionsInFile(schedulerCommand()).map((option) => [option.attributeName(), propertyOf(option)]),
    ),
    additionalProperties: false,
  };
  // As the formatter has it: lists of words on one line.
  const text = JSON.stringify(schema, null, 2).replace(/\[\n\s+("[^\]{}]*?")\n\s+\]/g, (_, items: string) => {
    return `[${items.split(/,\n\s+/).join(', ')}]`;
  });
  return `${text}\n`;
}

function schedulerCommand(): Command {
  const program = new Command('kafka-mesos');
  addServiceCommands(program, undefined as never, async () => {});
  const command = program.commands.find((one) => one.name() === 'scheduler');
  if (command === undefined) throw new Error('there is no command scheduler');
  return command;
}

function propertyOf(option: Option): object {
  const shown = option.defaultValueDescription ?? option.defaultValue;
  const description = `${option.description.charAt(0).toUpperCase()}${option.description.slice(1)}.`;
  const common = {
    description,
    ...(typeof shown === 'string' && shown !== 'none' ? { default: shown } : {}),
  };
  if (option.isBoolean()) return { type: 'boolean', ...common };
  if (option.argChoices !== undefined) return { type: 'string', ...common, enum: option.argChoices };
  if (Array.isArray(option.defaultValue)) {
    return { ...common, anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] };
  }
  const pattern =
    option.parseArg === parseDurationOption
      ? '^(\\d{1,9}(\\.\\d{1,3})?(ms|s|m|h|d|w))+$'
      : option.parseArg === parseListenOption
        ? '^(\\[[0-9a-fA-F:]+\\]|[^:\\[\\]\\s]*):\\d{1,5}$'
        : undefined;
  return { type: 'string', ...common, ...(pattern === undefined ? {} : { pattern }) };
}
