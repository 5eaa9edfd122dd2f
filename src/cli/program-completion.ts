import { Argument, type Command } from 'commander';
import { shells } from './completion-scripts.ts';
import type { Context } from './context.ts';

/** Completion of our own commands in shells. */
export function addCompletionCommands(
  program: Command,
  context: Context,
  set: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command('completion')
    .description('Print what makes a shell complete commands, options and names.')
    .addArgument(new Argument('<shell>', 'the one you use').choices(shells))
    .addHelpText(
      'after',
      `
For this shell, and once for all that come:
  bash  source <(kafka-mesos completion bash)
        kafka-mesos completion bash > ~/.local/share/bash-completion/completions/kafka-mesos
  zsh   source <(kafka-mesos completion zsh)
        kafka-mesos completion zsh > "\${fpath[1]}/_kafka-mesos"
  fish  kafka-mesos completion fish | source
        kafka-mesos completion fish > ~/.config/fish/completions/kafka-mesos.fish
`,
    )
    .action(async (shell) => set((await import('./commands/completion.ts')).completion(context, shell)));
  program
    .command('complete', { hidden: true })
    .description('Answer a completion script.')
    .argument('[words...]')
    .action(async (words) =>
      set((await import('./commands/completion.ts')).answerCompletion(context, program, words)),
    );
}
