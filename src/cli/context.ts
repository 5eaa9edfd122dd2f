import type { Style } from './format/text.ts';
import type { Home } from './home.ts';

/** What commands know of the world; made once in `main.ts`, or by a test. */
export type Context = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: Home;
  readonly io: Io;
  /** How this program starts itself, for what runs in the background. */
  readonly self: { readonly command: string; readonly args: readonly string[] };
  readonly version: string;
  nowMs(): number;
};

export type Io = {
  /** Results. */
  out(text: string): void;
  /** Messages. */
  err(text: string): void;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  /** Whether stdout is a terminal that can be drawn on. */
  readonly interactive: boolean;
  /** Columns of stdout; `Infinity` when it is no terminal. */
  readonly width: number;
  /** Of stdout. */
  readonly style: Style;
  /** Of stderr. */
  readonly errorStyle: Style;
};
