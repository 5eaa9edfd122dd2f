/**
 * What runs in the browser. The page has the text of this function, so that it is checked like all else here; nothing
 * from outside of it may be used in it. Whatever the scheduler says becomes text nodes, never markup.
 */
export function pageScript(): void {
  type Element = {
    className: string;
    textContent: string;
    title: string;
    value: string;
    hidden: boolean;
    append(...children: readonly (Element | string)[]): void;
    replaceChildren(...children: readonly (Element | string)[]): void;
    addEventListener(kind: string, listener: (event: { preventDefault(): void }) => void): void;
    focus(): void;
  };
  type Browser = {
    readonly document: {
      createElement(name: string): Element;
      getElementById(id: string): Element;
    };
    readonly sessionStorage: {
      getItem(key: string): string | null;
      setItem(key: string, value: string): void;
      removeItem(key: string): void;
    };
  };
  type Held = {
    readonly brokerId?: number;
    readonly need: string;
    readonly message: string;
    readonly remedy?: string;
    readonly untilMs?: number;
    readonly stalled: boolean;
    readonly details: readonly string[];
  };
  type Broker = {
    readonly id: number;
    readonly state: string;
    readonly phase?: string;
    readonly agent?: string;
    readonly rack?: string;
    readonly endpoint?: string;
    readonly inSync?: { readonly inSync: number; readonly total: number };
    readonly waiting?: { readonly why: string; readonly remedy?: string; readonly untilMs?: number };
    readonly warnings: readonly string[];
  };
  type Happened = {
    readonly seq: number;
    readonly atMs: number;
    readonly clusterName: string;
    readonly brokerId?: number;
    readonly severity: string;
    readonly message: string;
    readonly why?: string;
    readonly author?: string;
  };
  type Cluster = {
    readonly name: string;
    readonly phase: string;
    readonly revision: number;
    readonly kafkaVersion: string;
    readonly bootstrap: readonly string[];
    readonly brokers: readonly Broker[];
    readonly topics: readonly { readonly state: string }[];
    readonly held: readonly Held[];
    readonly source?: { readonly message: string };
  };
  type Scheduler = {
    readonly version: string;
    readonly frameworkName: string;
    readonly master: string;
    readonly leadership: { readonly state: string; readonly leader?: { readonly id: string } };
    readonly mesos?: { readonly state: string; readonly why?: string };
  };

  const { document, sessionStorage } = globalThis as unknown as Browser;
  const clusters = new Map<string, Cluster>();
  let events: Happened[] = [];
  let scheduler: Scheduler | undefined;
  let trouble = '';
  const keptEvents = 100;
  const shownBrokers = 500;

  const get = (id: string) => document.getElementById(id);
  const make = (name: string, kind: string, ...children: readonly (Element | string)[]): Element => {
    const element = document.createElement(name);
    element.className = kind;
    element.append(...children);
    return element;
  };
  const time = (ms: number) => new Date(ms).toLocaleTimeString();
  const until = (ms: number | undefined) => (ms === undefined ? '' : ` until ${time(ms)}`);

  function drawScheduler(): void {
    if (scheduler === undefined) return;
    const { leadership, mesos, master, version, frameworkName } = scheduler;
    const leads =
      leadership.state === 'leading' ? 'leads' : `stands by for ${leadership.leader?.id ?? 'nobody yet'}`;
    const connected =
      mesos === undefined
        ? ''
        : mesos.state === 'subscribed'
          ? `, subscribed to Mesos (${master})`
          : `, not subscribed to Mesos (${mesos.why ?? master})`;
    get('scheduler').textContent = `${frameworkName} ${version} ${leads}${connected}`;
  }

  function drawBroker(one: Broker): Element {
    const { waiting } = one;
    const why = [
      ...(waiting === undefined ? [] : [`${waiting.why}${until(waiting.untilMs)}`]),
      ...(waiting?.remedy === undefined ? [] : [`→ ${waiting.remedy}`]),
      ...one.warnings,
    ];
    return make(
      'tr',
      one.state,
      make('td', 'number', String(one.id)),
      make('td', 'state', one.phase === undefined ? one.state : `${one.state} (${one.phase})`),
      make('td', '', [one.agent, one.rack].filter((text) => text !== undefined).join(' · ')),
      make('td', '', one.endpoint ?? ''),
      make('td', 'number', one.inSync === undefined ? '' : `${one.inSync.inSync}/${one.inSync.total}`),
      make('td', '', ...why.map((text) => make('div', '', text))),
    );
  }

  function drawHeld(one: Held): Element {
    const who = one.brokerId === undefined ? '' : `broker ${one.brokerId}: `;
    return make(
      'li',
      one.stalled ? 'stalled' : '',
      `${who}${one.need}: ${one.message}${until(one.untilMs)}`,
      ...(one.remedy === undefined ? [] : [make('div', 'remedy', `→ ${one.remedy}`)]),
      ...one.details.map((text) => make('div', 'detail', text)),
    );
  }

  function drawCluster(cluster: Cluster): Element {
    const { brokers, topics, held } = cluster;
    const up = brokers.filter(({ state }) => state === 'running').length;
    const ready = topics.filter(({ state }) => state === 'ready').length;
    // What is wrong comes first where not all can be shown.
    const sorted = [...brokers].sort(
      (a, b) => Number(a.state === 'running') - Number(b.state === 'running') || a.id - b.id,
    );
    const shown = (brokers.length > shownBrokers ? sorted : [...brokers]).slice(0, shownBrokers);
    const row = ['', 'state', 'agent', 'endpoint', 'in sync', 'why'].map((text) => make('th', '', text));
    return make(
      'section',
      '',
      make('h2', '', cluster.name, ' ', make('span', `phase ${cluster.phase}`, cluster.phase)),
      make(
        'p',
        '',
        `Kafka ${cluster.kafkaVersion}, revision ${cluster.revision}, ${up} of ${brokers.length} brokers run, ${ready} of ${topics.length} topics are ready. ${cluster.bootstrap.slice(0, 3).join(',')}`,
      ),
      ...(cluster.source === undefined ? [] : [make('p', '', cluster.source.message)]),
      ...(held.length === 0 ? [] : [make('h3', '', 'Held'), make('ul', 'held', ...held.map(drawHeld))]),
      make(
        'table',
        '',
        make('thead', '', make('tr', '', ...row)),
        make('tbody', '', ...shown.map(drawBroker)),
      ),
      ...(shown.length < brokers.length ? [make('p', '', `${brokers.length - shown.length} more run.`)] : []),
    );
  }

  function draw(): void {
    drawScheduler();
    get('trouble').textContent = trouble;
    get('trouble').hidden = trouble === '';
    const names = [...clusters.keys()].sort();
    get('clusters').replaceChildren(
      ...(names.length === 0 ? [make('p', '', 'There is no cluster yet.')] : []),
      ...names.map((name) => drawCluster(clusters.get(name) as Cluster)),
    );
    get('events').replaceChildren(
      ...[...events]
        .reverse()
        .map((one) =>
          make(
            'li',
            one.severity,
            `${time(one.atMs)} ${one.clusterName}${one.brokerId === undefined ? '' : ` broker ${one.brokerId}`}: ${one.message}${one.why === undefined ? '' : `: ${one.why}`}${one.author === undefined ? '' : ` (${one.author})`}`,
          ),
        ),
    );
  }

  let willDraw = false;
  function drawSoon(): void {
    if (willDraw) return;
    willDraw = true;
    setTimeout(() => {
      willDraw = false;
      draw();
    }, 100);
  }

  function take(event: string, data: unknown): void {
    if (event === 'scheduler') {
      scheduler = data as Scheduler;
      trouble = '';
    } else if (event === 'cluster') {
      clusters.set((data as Cluster).name, data as Cluster);
      trouble = '';
    } else if (event === 'removed') {
      clusters.delete((data as { readonly name: string }).name);
    } else if (event === 'event') {
      events = [...events, data as Happened].slice(-keptEvents);
    } else if (event === 'unavailable') {
      trouble = (data as { readonly error: { readonly message: string } }).error.message;
    }
    drawSoon();
  }

  async function follow(token: string, signal: AbortSignal): Promise<void> {
    const headers = { authorization: `Bearer ${token}` };
    const first = await fetch(`/v1/events?limit=${keptEvents}`, { headers, signal });
    if (first.status === 401) return askForToken('This token is not the scheduler’s.');
    // A standby has none to tell of.
    const page = first.ok ? ((await first.json()) as { events: Happened[]; lastSeq?: number }) : undefined;
    events = page?.events ?? [];
    const after = page?.lastSeq === undefined ? '' : `?after=${page.lastSeq}`;
    const stream = await fetch(`/v1/watch${after}`, { headers, signal });
    if (!stream.ok || stream.body === null) throw new Error(`the scheduler answered ${stream.status}`);
    clusters.clear();
    const decoder = new TextDecoder();
    let text = '';
    const reader = stream.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error('the scheduler ended the connection');
      text += decoder.decode(value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string) =>
          block
            .split('\n')
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2);
        const event = field('event');
        if (event !== undefined) take(event, JSON.parse(field('data') ?? 'null'));
      }
    }
  }

  let leave = () => {};
  async function followForever(token: string): Promise<void> {
    get('ask').hidden = true;
    get('forget').hidden = false;
    const ended = new AbortController();
    leave = () => ended.abort();
    while (!ended.signal.aborted) {
      try {
        await follow(token, ended.signal);
      } catch (error) {
        if (ended.signal.aborted) return;
        trouble = `${error instanceof Error ? error.message : String(error)}; trying again`;
        draw();
      }
      await new Promise((resolve) => setTimeout(resolve, 2_000));
    }
  }

  function askForToken(message: string): void {
    leave();
    sessionStorage.removeItem('token');
    get('refused').textContent = message;
    get('ask').hidden = false;
    get('forget').hidden = true;
    get('token').focus();
  }

  get('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    const token = get('token').value.trim();
    get('token').value = '';
    if (token === '') return;
    sessionStorage.setItem('token', token);
    void followForever(token);
  });
  get('forget').addEventListener('click', () => {
    clusters.clear();
    events = [];
    draw();
    askForToken('');
  });
  const known = sessionStorage.getItem('token');
  if (known === null) askForToken('');
  else void followForever(known);
}
