import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, type ParsedNode, Parser } from 'yaml';
import type { MapNode, SpecNode } from './node.ts';
import type { Problem } from './problems.ts';

/** A file as it was read; `path` is what problems call it. */
export type SpecFile = { readonly path: string; readonly text: string };

export type YamlDocument = {
  readonly file: string;
  readonly root: SpecNode;
  /** Nothing had to be left out, such as an alias without its anchor. */
  readonly isWhole: boolean;
};

/**
 * What one file may ask of us. Each bound is checked while reading, so that the work for a hostile file
 * ends at the bound, whatever the file goes on to say.
 */
export const yamlLimits = {
  bytes: 1024 * 1024,
  /** Smallest pieces: a bracket, a dash, a word, a line end, a run of blanks. */
  lexemes: 400_000,
  depth: 64,
  documents: 256,
  /** Values after every alias was replaced by what it stands for, over all documents of the file. */
  values: 100_000,
  /** In one list or map; what looks for mistakes in it takes longer with the square of their number. */
  entries: 10_000,
  /** Stray pieces and directives: more of them are no slip. */
  strays: 100,
} as const;

/**
 * Reads the documents of one YAML file. Empty documents are left out; so are those that are not valid
 * YAML, each with a problem. Anchors live within their document.
 */
export function readYaml(file: SpecFile): {
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly Problem[];
} {
  const reading = new Reading(file);
  const bytes = Buffer.byteLength(file.text);
  if (bytes > yamlLimits.bytes) {
    reading.stop(0, `the file is larger than ${yamlLimits.bytes / 1024} KiB`, 'Split it into several files.');
  } else {
    reading.run();
  }
  return { documents: reading.documents, problems: reading.problems };
}

type Scope = {
  readonly anchors: Map<string, ParsedNode>;
  /** Collections being converted: an alias to one of them would never end. */
  readonly open: Set<ParsedNode>;
};

/** The reading of one file: its budgets, and what came of it. */
class Reading {
  readonly documents: YamlDocument[] = [];
  readonly problems: Problem[] = [];
  private readonly file: SpecFile;
  private readonly lines = new LineCounter();
  private documentCount = 0;
  private valuesLeft: number = yamlLimits.values;
  private stopped = false;

  constructor(file: SpecFile) {
    this.file = file;
    this.lines.addNewLine(0);
  }

  run(): void {
    const parser = new Parser(this.lines.addNewLine);
    // Duplicate keys are found below by a map; the library would compare each key with each.
    const composer = new Composer({
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      version: '1.2',
    });
    let strays = 0;
    const take = (token: Parameters<typeof composer.next>[0]): void => {
      if (token.type === 'document') this.documentCount += 1;
      if (this.documentCount > yamlLimits.documents) {
        this.stop(token.offset, `the file has more than ${yamlLimits.documents} documents`);
      }
      if (token.type === 'error' || token.type === 'directive') strays += 1;
      if (strays > yamlLimits.strays)
        this.stop(
          token.offset,
          'this is no YAML',
          'Name a file as examples/three-brokers.yaml is.',
          'KM_SPEC_YAML',
        );
      if (this.stopped) return;
      for (const document of composer.next(token)) this.convertDocument(document);
    };
    let lexemes = 0;
    for (const lexeme of new Lexer().lex(this.file.text)) {
      lexemes += 1;
      if (lexemes > yamlLimits.lexemes) this.stop(parser.offset, 'the file has too many values');
      for (const token of parser.next(lexeme)) take(token);
      // The parser keeps what is open on a stack of its own, but composing what it yields is recursive.
      if (parser.stack.length > yamlLimits.depth) this.stopAtDepth(parser.offset);
      if (this.stopped) return;
    }
    for (const token of parser.end()) take(token);
    for (const document of composer.end()) this.convertDocument(document);
  }

  private convertDocument(document: {
    readonly contents: unknown;
    readonly errors: readonly YamlError[];
    readonly warnings: readonly YamlError[];
  }): void {
    if (this.stopped) return;
    // One wrong bracket makes many errors; the first is the one to mend. An unknown tag is a warning.
    const error = document.errors[0] ?? document.warnings[0];
    if (error !== undefined) {
      const reason = error.message.replace(/\.$/, '');
      const message = `this is not valid YAML: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`;
      const remedy = error.code === 'TAB_AS_INDENT' ? 'Indent with spaces.' : undefined;
      this.complain(error.pos[0], 'KM_SPEC_YAML', message, remedy);
      return;
    }
    const contents = document.contents as ParsedNode | null;
    if (contents === null || (isScalar(contents) && contents.value === null)) return;
    const problemsBefore = this.problems.length;
    const root = this.convert(contents, { anchors: new Map(), open: new Set() }, 1);
    if (root === undefined || this.stopped) return;
    const isWhole = this.problems.length === problemsBefore;
    this.documents.push({ file: this.file.path, root, isWhole });
  }

  private convert(node: ParsedNode, scope: Scope, depth: number): SpecNode | undefined {
    if (this.stopped) return undefined;
    const [offset] = node.range;
    this.valuesLeft -= 1;
    if (this.valuesLeft < 0) {
      const message = `the file stands for more than ${yamlLimits.values} values`;
      this.stop(offset, message, 'Anchors that hold aliases multiply: write the values out.');
    }
    if (depth > yamlLimits.depth) this.stopAtDepth(offset);
    if (this.stopped) return undefined;
    if (isAlias(node)) return this.follow(node.source, offset, scope, depth);
    if (node.anchor !== undefined) scope.anchors.set(node.anchor, node);
    if (isScalar(node)) return this.convertScalar(node, offset);
    if (node.items.length > yamlLimits.entries) {
      this.stop(offset, `one list or map has more than ${yamlLimits.entries} entries`);
      return undefined;
    }
    scope.open.add(node);
    const converted = isSeq(node)
      ? {
          kind: 'list' as const,
          items: node.items.flatMap((item) => this.convert(item, scope, depth + 1) ?? []),
          ...this.place(offset),
        }
      : this.convertMap(node, scope, depth);
    scope.open.delete(node);
    return converted;
  }

  private convertScalar(node: { value: unknown; source?: string }, offset: number): SpecNode {
    const { value } = node;
    const text = typeof value === 'string' ? value : (node.source ?? String(value));
    // Other types come of `%YAML 1.1` and of tags only; as text they are refused where they do not fit.
    const known = value === null || typeof value === 'number' || typeof value === 'boolean' ? value : text;
    return { kind: 'scalar', value: known, text, ...this.place(offset) };
  }

  private convertMap(node: ParsedNode, scope: Scope, depth: number): MapNode | undefined {
    if (!isMap(node)) return undefined;
    const entries = new Map<string, { key: Place; value: SpecNode }>();
    const merged: MapNode[] = [];
    for (const pair of node.items) {
      const keyNode = pair.key as ParsedNode | null;
      const offset = keyNode?.range[0] ?? node.range[0];
      if (!isScalar(keyNode) || keyNode.value === null) {
        this.complain(offset, 'KM_SPEC_KEY', 'a key has to be a single word', 'Write `key: value`.');
        continue;
      }
      const key =
        typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? String(keyNode.value));
      const valueNode = pair.value as ParsedNode | null;
      const value: SpecNode | undefined =
        valueNode === null
          ? { kind: 'scalar', value: null, text: '', ...this.place(offset) }
          : this.convert(valueNode, scope, depth + 1);
      if (value === undefined) continue;
      if (key === '<<' && keyNode.type === 'PLAIN') {
        merged.push(...this.mergeSources(value, offset));
        continue;
      }
      const earlier = entries.get(key);
      if (earlier !== undefined) {
        const message = `\`${key}\` is given twice; the first is on line ${earlier.key.line}`;
        this.complain(offset, 'KM_SPEC_DUPLICATE_KEY', message, 'Keep one of them.');
        continue;
      }
      entries.set(key, { key: this.place(offset), value });
    }
    // What is written out wins over what is merged in, and an earlier source over a later one.
    for (const source of merged) {
      for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
    }
    return { kind: 'map', entries, ...this.place(node.range[0]) };
  }

  private mergeSources(node: SpecNode, offset: number): readonly MapNode[] {
    const sources = node.kind === 'list' ? node.items : [node];
    const maps = sources.filter((source) => source.kind === 'map');
    if (maps.length !== sources.length) {
      this.complain(offset, 'KM_SPEC_MERGE', '`<<` merges maps only', 'Put the anchor on a map.');
    }
    return maps;
  }

  private follow(name: string, offset: number, scope: Scope, depth: number): SpecNode | undefined {
    const target = scope.anchors.get(name);
    if (target === undefined) {
      const message = `the alias *${name} has no anchor before it`;
      this.complain(offset, 'KM_SPEC_ALIAS', message, `Put &${name} before the value it stands for.`);
      return undefined;
    }
    if (scope.open.has(target)) {
      this.complain(offset, 'KM_SPEC_ALIAS', `the alias *${name} stands inside of its own anchor`);
      return undefined;
    }
    return this.convert(target, scope, depth);
  }

  private stopAtDepth(offset: number): void {
    this.stop(offset, `values are nested more than ${yamlLimits.depth} levels deep`);
  }

  /** Refuses the whole file: documents read before are no longer of interest. */
  stop(offset: number, message: string, remedy?: string, code = 'KM_SPEC_TOO_LARGE'): void {
    if (this.stopped) return;
    this.stopped = true;
    this.documents.length = 0;
    this.problems.length = 0;
    this.complain(offset, code, message, remedy);
  }

  private complain(offset: number, code: string, message: string, remedy?: string): void {
    this.problems.push({
      severity: 'error',
      code,
      place: { file: this.file.path, ...this.place(offset) },
      path: '',
      message,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }

  private place(offset: number): Place {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

type Place = { readonly line: number; readonly column: number };
type YamlError = { readonly code: string; readonly message: string; readonly pos: readonly [number, number] };
