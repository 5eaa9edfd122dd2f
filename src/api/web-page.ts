/** The page for people: one file without anything from elsewhere, which runs nothing but the script it was sent with. */
import { createHash } from 'node:crypto';
import { pageScript } from './page-script.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; } h3 { font-size: 1rem; margin: .8rem 0 .2rem; }
.phase { border-radius: 1rem; font-size: .8rem; font-weight: normal; padding: .1rem .6rem; background: #8884; }
.phase.converged { background: #2a73; } .phase.held { background: #d336; }
table { border-collapse: collapse; width: 100%; } th { font-weight: normal; opacity: .6; }
th, td { padding: .2rem .6rem .2rem 0; text-align: left; vertical-align: top; }
td { border-top: 1px solid #8884; } .number { font-variant-numeric: tabular-nums; }
tr.running .state { color: #2a7; } tr.failed .state, tr.unreachable .state { color: #d33; }
ul { list-style: none; margin: 0; padding: 0; } li { border-left: 3px solid #8884; margin: .3rem 0; padding-left: .6rem; }
li.stalled, li.error { border-color: #d33; } li.warning { border-color: #d90; }
.remedy, .detail { opacity: .75; } #trouble { background: #d333; padding: .4rem .8rem; }
#events { font-size: .9rem; } button, input { font: inherit; } input { width: 24rem; max-width: 100%; }
[hidden] { display: none; }
`;

let made: { readonly html: string; readonly policy: string } | undefined;

export function webPage(): { readonly html: string; readonly policy: string } {
  made ??= makePage();
  return made;
}

function makePage(): { readonly html: string; readonly policy: string } {
  const script = `(${pageScript})();`;
  const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${sha256(script)}`,
    `style-src ${sha256(style)}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>kafka-mesos</title>
<style>${style}</style>
</head>
<body>
<h1 id="scheduler">kafka-mesos</h1>
<form id="ask" hidden>
<label for="token">Token, one that may read is enough; this tab keeps it:</label>
<input id="token" type="password" autocomplete="off" spellcheck="false"> <button>Look</button>
<p id="refused"></p>
</form>
<p id="trouble" role="status" hidden></p>
<div id="clusters"></div>
<h2>Events</h2>
<ul id="events"></ul>
<p><button id="forget" type="button" hidden>Forget the token</button></p>
<noscript>This page needs JavaScript; the commands of kafka-mesos say the same.</noscript>
<script>${script}</script>
</body>
</html>
`;
  return { html, policy };
}
