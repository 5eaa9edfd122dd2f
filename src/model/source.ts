/** Specs that come from a directory (GitOps): where each came from, and whether it is followed. */
import type { SpecProblem } from './api.ts';

export type GitCommit = {
  /** Full, in hex. */
  readonly id: string;
  /** `Name <mail>` */
  readonly author: string;
  readonly atMs: number;
  readonly subject: string;
};

/** The file that owns a cluster, as it was when its spec was taken from it. */
export type SpecSource = {
  /** Below the directory of specs, with `/`. */
  readonly path: string;
  /** The last commit of the work tree that changed the file; absent: the directory is in none, or git cannot be asked. */
  readonly commit?: GitCommit;
  /** What was read is not what that commit has. */
  readonly uncommitted?: true;
};

/** Until it is taken back nothing is taken from the file. */
export type Suspension = {
  readonly author: string;
  readonly atMs: number;
  readonly reason?: string;
} & (
  | { readonly kind: 'asked' }
  /** A rollback pinned this revision. */
  | { readonly kind: 'pinned'; readonly revision: number }
  /** `apply --take-over` put another spec in the place of the file's. */
  | { readonly kind: 'taken-over' }
);

export type RevisionOutcome =
  /** The cluster was as declared. */
  | { readonly kind: 'converged'; readonly atMs: number }
  /** Another revision came before that. */
  | { readonly kind: 'replaced'; readonly atMs: number };

/** One of the last revisions of a cluster's spec. */
export type RevisionSummary = {
  readonly revision: number;
  readonly digest: string;
  readonly appliedAtMs: number;
  readonly author: string;
  readonly source?: SpecSource;
  /** It has the spec of this earlier one. */
  readonly rollbackOf?: number;
  /** Absent: it is being made so. */
  readonly outcome?: RevisionOutcome;
  readonly isCurrent: boolean;
};

/** How a cluster stands to the file that owns it. */
export type SourceStatus = {
  /**
   * In all but the first nothing is taken, and the revision holds. `suspended`: by a command or by the file itself;
   * `broken`: the file has mistakes; `missing`: it is not there; `behind`: it has an older commit than what is applied;
   * `unknown`: no directory can be read that would tell.
   */
  readonly state:
    | 'following'
    | 'suspended'
    | 'pinned'
    | 'taken-over'
    | 'broken'
    | 'missing'
    | 'behind'
    | 'unknown';
  /** Below the directory of specs. */
  readonly path: string;
  /** The same for people, with the directory before it; absent: no directory is followed. */
  readonly file?: string;
  /** Of what is applied. */
  readonly commit?: GitCommit;
  readonly uncommitted?: true;
  /** Of what the file has now, when that is not applied. */
  readonly newest?: GitCommit;
  /** Commits that changed the file since the one that is applied; absent: not known, or none. */
  readonly aheadCommits?: number;
  readonly suspension?: Suspension;
  /** One sentence: `pinned to revision 5, git is 3 commits ahead`. */
  readonly message: string;
  /** Of a broken file. */
  readonly problems?: readonly SpecProblem[];
};

/** Of the directory or of one cluster's file, what may be worth an event. */
export type SourceLine = {
  /** The cluster's; empty: of the directory. */
  readonly name: string;
  /**
   * `quiet`: somebody asked for it, or nothing is known yet; `away`: the directory tells nothing of it just now; the others
   * but `well` are troubles.
   */
  readonly state:
    | 'well'
    | 'quiet'
    | 'away'
    | 'broken'
    | 'missing'
    | 'behind'
    | 'refused'
    | 'emptied'
    | 'unreadable';
  readonly message: string;
};

/** The directory as a whole; each cluster's part is its `SourceStatus`. */
export type DirectoryStatus = {
  /** As it was configured. */
  readonly directory: string;
  /**
   * `emptied`: it had specs and has none now, which is no order to delete; `unreadable`: it cannot be read; the last
   * good revisions hold in both.
   */
  readonly state: 'reading' | 'read' | 'broken' | 'emptied' | 'unreadable';
  readonly message: string;
  /** The newest commit of the work tree. */
  readonly commit?: GitCommit;
  readonly readAtMs?: number;
  readonly files: number;
  readonly clusters: number;
  /** The first hundred. */
  readonly problems: readonly SpecProblem[];
};
