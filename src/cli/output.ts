import type { Context } from './context.ts';

export type OutputFormat = 'json' | 'yaml' | 'wide';

export type OutputOptions = { readonly output?: OutputFormat };

/** Prints data for programs as JSON or YAML, else the text that `render` makes. */
export async function print(
  context: Context,
  options: OutputOptions,
  data: unknown,
  render: (wide: boolean) => string,
): Promise<void> {
  if (options.output === 'json') return context.io.out(`${JSON.stringify(data, undefined, 2)}\n`);
  if (options.output === 'yaml') {
    const { renderYaml } = await import('./format/yaml.ts');
    return context.io.out(renderYaml(data));
  }
  context.io.out(render(options.output === 'wide'));
}
