/** The reference of the command line, from the program itself; written by generate.ts. */
import type { Command } from 'commander';
import type { Context } from '../src/cli/context.ts';
import { exitCodeTable } from '../src/cli/exit-codes.ts';
import {
  brokerFields,
  clusterFields,
  eventFields,
  type Fields,
  revisionFields,
  topicFields,
} from '../src/cli/fields.ts';
import { commandLine } from '../src/cli/program.ts';

export function cliReference(): string {
  let shown = '';
  const context = { version: '', io: { out: () => {}, err: () => {} } } as unknown as Context;
  const program = commandLine(context, async () => {});
  const sections: string[] = [];
  const visit = (command: Command, path: string) => {
    command.configureOutput({
      writeOut: (text) => {
        shown += text;
      },
      getOutHelpWidth: () => 80,
      getOutHasColors: () => false,
    });
    shown = '';
    command.outputHelp();
    sections.push(`## ${path}\n\n\`\`\`text\n${shown.trim()}\n\`\`\`\n`);
    for (const child of command.createHelp().visibleCommands(command))
      visit(child, `${path} ${child.name()}`);
  };
  visit(program, 'kafka-mesos');
  return `${cliHead}\n${fieldSection()}\n${sections.join('\n')}`;
}

const cliHead = `# The command line

Made from the program by \`schema/generate.ts\`: what \`--help\` of each command shows. Exit codes have
[a page of their own](exit-codes.md).
`;

function fieldSection(): string {
  const kinds: readonly (readonly [string, Fields<never>])[] = [
    ['brokers', brokerFields],
    ['topics', topicFields],
    ['clusters', clusterFields],
    ['events', eventFields],
    ['revisions', revisionFields],
  ];
  const rows = kinds.map(
    ([kind, fields]) =>
      `| \`get ${kind}\` | ${Object.keys(fields)
        .map((name) => `\`${name}\``)
        .join(' ')} |`,
  );
  return `## Fields of lists

For \`--columns\`, \`--selector\`, \`--sort-by\` and \`-o custom-columns=TITLE:.field\`. A selector of \`get clusters\` takes the
clusters' labels too.

| List | Fields |
|---|---|
${rows.join('\n')}
`;
}

export function exitCodeReference(): string {
  const rows = exitCodeTable.map(([command, code, meaning]) => {
    const shown = command === 'every command' ? command : command.replace(/[^,]+/g, (one) => asCode(one));
    return `| ${shown} | ${code} | ${meaning} |`;
  });
  return `# Exit codes

Made from \`src/cli/exit-codes.ts\` by \`schema/generate.ts\`. Scripts may rely on them.

| Command | Code | Meaning |
|---|---|---|
${rows.join('\n')}
`;
}

function asCode(text: string): string {
  return text.replace(/\S.*\S|\S/, (one) => `\`${one}\``);
}
