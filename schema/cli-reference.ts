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

## What a scheduler ends with 78 for

Started again as it is, it ends the same way. Its last words say which of these it is, and what to do.

| Code in its last words | What is so | What to do |
|---|---|---|
| \`KM_SPEC_…\` | a file, an address or a secret cannot be used | mend what it names |
| \`KM_CONFLICT_FRAMEWORK_LOST\` | the store has running tasks, and has lost the id of their framework | restore the store's record \`framework\`: without it these tasks could neither be seen nor stopped |
| \`KM_CONFLICT_FRAMEWORK_LOST\` | the store knows no framework, and the master has one of this name and role that is connected, or has tasks or reservations | restore the store, or [make it again](production.md#a-lost-store), or begin beside it with another \`--framework-name\` |
| \`KM_CONFLICT_FRAMEWORK_LOST\` | with \`--register-anew\`: the master has the framework again that it had removed | end that one by the operator call TEARDOWN of its id, then start again |
`;
}

function asCode(text: string): string {
  return text.replace(/\S.*\S|\S/, (one) => `\`${one}\``);
}
