/** How a cluster stands to its file, in a sentence. */
import { count } from '../../model/count.ts';
import type { SpecRecord } from '../../model/records.ts';
import type { Suspension } from '../../model/source.ts';
import type { Problem } from '../../spec/problems.ts';
import type { Relation } from '../git.ts';
import type { FileFacts } from './decide.ts';

type Facts = {
  readonly record: SpecRecord;
  /** `specs/demo.yaml` */
  readonly path: string;
  /** What the file has now; absent: it is not there. */
  readonly file?: FileFacts;
  readonly relation: Relation;
  /** It declares what is applied. */
  readonly isSame: boolean;
};

export const words = {
  following: ({ path }: Facts) => `follows ${path}`,
  pending: ({ path }: Facts) => `follows ${path}, and takes what is new in it`,
  suspended(facts: Facts, suspension: Suspension): string {
    return `${how(suspension, facts)}${reason(suspension)}, ${git(facts)}`;
  },
  suspendedByFile: (facts: Facts) =>
    `${facts.path} says suspend: true, so nothing else of it is taken${facts.isSame ? '' : `; ${holds(facts)}`}`,
  broken: (facts: Facts, problem: Problem | undefined) =>
    `broken: ${problem === undefined ? facts.path : told(problem)}; ${holds(facts)}`,
  missing(facts: Facts, why: 'gone' | 'undeclared' | 'emptied'): string {
    const said = {
      gone: `${facts.path} is not there`,
      undeclared: `${facts.path} does not declare it any more`,
      emptied: 'the directory has no spec left',
    };
    return `${said[why]}, from which nothing follows; ${holds(facts)}`;
  },
  behind: (facts: Facts) =>
    `${facts.path} is at ${short(facts.file?.commit?.id)}, which is older than ${short(facts.record.source?.commit?.id)}, so it is not taken; ${holds(facts)}`,
  emptied: 'it had specs and has none now, which is no order to delete: every cluster stays as it is',
  directoryBroken(broken: number, files: number, first: Problem | undefined): string {
    const who = broken === 1 ? 'has errors; what it declares' : 'have errors; what they declare';
    const all = `${broken} of ${count(files, 'file')} ${who} stays as it is`;
    return first === undefined ? all : `${told(first)} (${all})`;
  },
  directoryRead(files: number, clusters: number, removed: readonly string[]): string {
    if (files === 0) return 'it has no spec file yet';
    const [name] = removed;
    const found = `${count(files, 'file')}, ${count(clusters, 'cluster')}`;
    if (name === undefined) return found;
    const who = removed.length === 1 ? `cluster ${name} was` : `${name} and ${removed.length - 1} more were`;
    return `${found}; ${who} removed beside its file, which forms it anew after \`kafka-mesos resume ${name}\``;
  },
} as const;

function how(suspension: Suspension, { path }: Facts): string {
  switch (suspension.kind) {
    case 'asked':
      return `suspended by ${suspension.author}`;
    case 'pinned':
      return `pinned to revision ${suspension.revision}`;
    case 'taken-over':
      return `taken over from ${path} by ${suspension.author}`;
  }
}

const reason = ({ reason }: Suspension): string => (reason === undefined ? '' : ` (${reason})`);

/** Where git is, seen from what is applied. */
function git({ file, relation, isSame, path }: Facts): string {
  if (file === undefined) return `${path} is not there`;
  if (isSame) return 'git has the same';
  if (relation.kind === 'newer') {
    return relation.commits === undefined
      ? 'git is ahead'
      : `git is ${count(relation.commits, 'commit')} ahead`;
  }
  if (relation.kind === 'older') return 'git is behind';
  return file.commit === undefined ? 'the file has another spec' : 'git has another spec';
}

const holds = ({ record }: Facts): string => `revision ${record.revision} holds`;

const told = ({ place, message }: Problem): string =>
  `${place.file}:${place.line}:${place.column} ${message}`;

const short = (id: string | undefined): string => id?.slice(0, 7) ?? 'no commit';
