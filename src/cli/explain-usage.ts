import type { Command, CommanderError } from 'commander';
import { UsageError } from './errors.ts';

/** Turns commander's complaints into ours, each naming the next thing to type, on every level. */
export function explainUsage(command: Command, path: string): void {
  command.exitOverride((error) => {
    if (error.exitCode === 0 || error.code === 'commander.help') throw error;
    const message = error.message.replace(/^error: /, '').replace(/\s+/g, ' ');
    const near = /\s*\(Did you mean (?:one of )?([^?]+)\?\)/.exec(message);
    throw new UsageError(
      near === null ? message : message.replace(near[0], ''),
      remedyOf(error, command, path, near?.[1]),
    );
  });
  for (const child of command.commands) {
    child.helpOption('-h, --help', 'show this help').helpCommand(false);
    explainUsage(child, `${path} ${child.name()}`);
  }
}

function remedyOf(error: CommanderError, command: Command, path: string, near: string | undefined): string {
  const help = `${path} --help shows what there is`;
  switch (error.code) {
    case 'commander.unknownCommand': {
      // The beginning of a word says more than how many letters are others.
      const begun = startedBy(/'([^']+)'/.exec(error.message)?.[1], command);
      return (begun ?? near) === undefined ? help : `did you mean ${path} ${begun ?? near}?`;
    }
    case 'commander.unknownOption':
      return near === undefined ? help : `did you mean ${near}? ${help}`;
    case 'commander.missingArgument':
      return `write it as ${[path, ...command.registeredArguments.map(shown)].join(' ')}; ${path} --help tells more`;
    case 'commander.missingMandatoryOptionValue': {
      const wanted = command.options.filter((one) => one.mandatory).map((one) => one.flags);
      return `write it as ${[path, ...wanted].join(' ')}; ${path} --help tells more`;
    }
    case 'commander.excessArguments': {
      const takesFiles = command.options.some((option) => option.long === '--file' && option.variadic);
      return takesFiles ? `name files by -f, as in ${path} -f examples/three-brokers.yaml` : help;
    }
    default:
      return help;
  }
}

function startedBy(word: string | undefined, { commands }: Command): string | undefined {
  if (!word) return undefined;
  const fitting = commands.map((one) => one.name()).filter((name) => name.startsWith(word));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function shown(argument: Command['registeredArguments'][number]): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}
