import type { Token, Tokens } from 'marked';
import { For, Index, type JSX, Match, Switch, createMemo } from 'solid-js';
import { Dynamic } from 'solid-js/web';
import { Code } from './Code.js';
import { headingLevels } from './levels.js';
import { type Blocks, noBlocks, readBlocks } from './blocks.js';

/** Markdown as elements. No HTML is ever made from text: what a model writes can reach the page only as text. */
export function Markdown(props: { text: string; live: boolean }): JSX.Element {
  const blocks = createMemo<Blocks>((before) => readBlocks(before, props.text, props.live), noBlocks);
  const levels = createMemo(() => headingLevels(blocks().tokens));
  return (
    <div class="prose">
      <Index each={blocks().tokens}>{(token, at) => <Block token={token()} level={levels()[at]} />}</Index>
    </div>
  );
}

type Kinds = {
  heading: Tokens.Heading;
  paragraph: Tokens.Paragraph;
  text: Tokens.Text;
  code: Tokens.Code;
  blockquote: Tokens.Blockquote;
  list: Tokens.List;
  table: Tokens.Table;
};

const is = <K extends keyof Kinds>(kind: K, token: Token): token is Kinds[K] & Token => token.type === kind;

const as = <K extends keyof Kinds>(kind: K, token: Token): Kinds[K] | undefined =>
  is(kind, token) ? token : undefined;

/** What stands in the source and not on the page. A checkbox is drawn by its list. */
const silent: ReadonlySet<string> = new Set(['space', 'def', 'checkbox']);

const isClosed = ({ raw }: Tokens.Code): boolean => /\n {0,3}(`{3,}|~{3,})\s*$/.test(raw);

function Block(props: { token: Token; level?: number | undefined }): JSX.Element {
  return (
    <Switch fallback={<p>{props.token.raw.trimEnd()}</p>}>
      <Match when={as('heading', props.token)}>{(found) => <Heading token={found()} level={props.level ?? 6} />}</Match>
      <Match when={as('paragraph', props.token)}>
        {(found) => (
          <p>
            <Inline tokens={found().tokens} />
          </p>
        )}
      </Match>
      <Match when={as('text', props.token)}>{(found) => <Inline tokens={found().tokens ?? [found()]} />}</Match>
      <Match when={as('code', props.token)}>
        {(found) => <Code text={found().text} language={found().lang ?? ''} closed={isClosed(found())} />}
      </Match>
      <Match when={as('blockquote', props.token)}>
        {(found) => (
          <blockquote>
            <Index each={found().tokens}>{(token) => <Block token={token()} />}</Index>
          </blockquote>
        )}
      </Match>
      <Match when={as('list', props.token)}>{(found) => <List token={found()} />}</Match>
      <Match when={as('table', props.token)}>{(found) => <Table token={found()} />}</Match>
      <Match when={props.token.type === 'hr'}>
        <hr />
      </Match>
      <Match when={silent.has(props.token.type)}>{null}</Match>
    </Switch>
  );
}

function Heading(props: { token: Tokens.Heading; level: number }): JSX.Element {
  return (
    <Dynamic component={`h${props.level}`} data-depth={Math.min(props.token.depth, 3)}>
      <Inline tokens={props.token.tokens} />
    </Dynamic>
  );
}

function List(props: { token: Tokens.List }): JSX.Element {
  const items = (): JSX.Element => (
    <Index each={props.token.items}>
      {(item) => (
        <li classList={{ task: item().task }}>
          {item().task ? <input type="checkbox" disabled checked={item().checked ?? false} aria-label="Done" /> : null}
          <Index each={item().tokens}>{(token) => <Block token={token()} />}</Index>
        </li>
      )}
    </Index>
  );
  return props.token.ordered ? <ol start={Number(props.token.start) || 1}>{items()}</ol> : <ul>{items()}</ul>;
}

function Table(props: { token: Tokens.Table }): JSX.Element {
  return (
    <div class="table" tabindex="0" role="group" aria-label="Table">
      <table>
        <thead>
          <tr>
            <For each={props.token.header}>
              {(cell) => (
                <th data-align={cell.align}>
                  <Inline tokens={cell.tokens} />
                </th>
              )}
            </For>
          </tr>
        </thead>
        <tbody>
          <Index each={props.token.rows}>
            {(row) => (
              <tr>
                <Index each={row()}>
                  {(cell) => (
                    <td data-align={cell().align}>
                      <Inline tokens={cell().tokens} />
                    </td>
                  )}
                </Index>
              </tr>
            )}
          </Index>
        </tbody>
      </table>
    </div>
  );
}

/** Only addresses that cannot run anything. */
export const safeHref = (href: string): string | undefined =>
  /^(https?:|mailto:)/i.test(href) || /^[/#?](?![/\\])/.test(href) ? href : undefined;

/** Characters that people write by name, though they could write them. Others stay as they are written. */
const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  copy: '©',
  mdash: '—',
  ndash: '–',
  hellip: '…',
  times: '×',
  rarr: '→',
  larr: '←',
  deg: '°',
};

const character = (whole: string, name: string): string => {
  if (!name.startsWith('#')) return (Object.hasOwn(named, name) ? named[name] : undefined) ?? whole;
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
};

const plain = (text: string): string => text.replace(/&(#?\w{1,8});/g, character);

function Inline(props: { tokens: readonly Token[] }): JSX.Element {
  return <Index each={props.tokens}>{(token) => <>{inline(token())}</>}</Index>;
}

function inline(token: Token): JSX.Element {
  const inner = (): JSX.Element => <Inline tokens={('tokens' in token && token.tokens) || []} />;
  switch (token.type) {
    case 'strong':
      return <strong>{inner()}</strong>;
    case 'em':
      return <em>{inner()}</em>;
    case 'del':
      return <del>{inner()}</del>;
    case 'codespan':
      return <code>{'text' in token ? String(token.text) : token.raw}</code>;
    case 'br':
      return <br />;
    case 'link':
    case 'image': {
      const href = 'href' in token ? safeHref(String(token.href)) : undefined;
      const label = token.type === 'image' ? `${'text' in token ? token.text : ''} (image)` : inner();
      if (href === undefined) return <>{label}</>;
      return (
        <a href={href} target="_blank" rel="noopener noreferrer nofollow">
          {label}
        </a>
      );
    }
    case 'checkbox':
      return null;
    case 'escape':
      return <>{'text' in token ? String(token.text) : token.raw}</>;
    case 'text':
      if ('tokens' in token && token.tokens) return inner();
      return <>{'text' in token ? plain(String(token.text)) : token.raw}</>;
    default:
      return <>{token.raw}</>;
  }
}
