import type { Token, Tokens } from 'marked';
import { For, Index, type JSX, Match, Switch, createMemo } from 'solid-js';
import { Code } from './Code.js';
import { type Blocks, noBlocks, readBlocks } from './blocks.js';

/** Markdown as elements. No HTML is ever made from text: what a model writes can reach the page only as text. */
export function Markdown(props: { text: string; live: boolean }): JSX.Element {
  const blocks = createMemo<Blocks>((before) => readBlocks(before, props.text, props.live), noBlocks);
  return (
    <div class="prose">
      <Index each={blocks().tokens}>{(token) => <Block token={token()} />}</Index>
    </div>
  );
}

const isType =
  <T extends Token>(type: T['type']) =>
  (token: Token): T | undefined =>
    token.type === type ? (token as T) : undefined;

const heading = isType<Tokens.Heading>('heading');
const paragraph = isType<Tokens.Paragraph>('paragraph');
const text = isType<Tokens.Text>('text');
const code = isType<Tokens.Code>('code');
const quote = isType<Tokens.Blockquote>('blockquote');
const list = isType<Tokens.List>('list');
const table = isType<Tokens.Table>('table');

function Block(props: { token: Token }): JSX.Element {
  return (
    <Switch fallback={<p>{props.token.raw}</p>}>
      <Match when={heading(props.token)}>{(found) => <Heading token={found()} />}</Match>
      <Match when={paragraph(props.token)}>
        {(found) => (
          <p>
            <Inline tokens={found().tokens} />
          </p>
        )}
      </Match>
      <Match when={text(props.token)}>{(found) => <Inline tokens={found().tokens ?? [found()]} />}</Match>
      <Match when={code(props.token)}>{(found) => <Code text={found().text} language={found().lang ?? ''} />}</Match>
      <Match when={quote(props.token)}>
        {(found) => (
          <blockquote>
            <Index each={found().tokens}>{(token) => <Block token={token()} />}</Index>
          </blockquote>
        )}
      </Match>
      <Match when={list(props.token)}>{(found) => <List token={found()} />}</Match>
      <Match when={table(props.token)}>{(found) => <Table token={found()} />}</Match>
      <Match when={props.token.type === 'hr'}>
        <hr />
      </Match>
      <Match when={props.token.type === 'space' || props.token.type === 'def'}>{null}</Match>
    </Switch>
  );
}

/** The page owns h1: a `#` in a message is a second-level heading. */
function Heading(props: { token: Tokens.Heading }): JSX.Element {
  const inline = (): JSX.Element => <Inline tokens={props.token.tokens} />;
  return (
    <Switch fallback={<h4>{inline()}</h4>}>
      <Match when={props.token.depth === 1}>
        <h2>{inline()}</h2>
      </Match>
      <Match when={props.token.depth === 2}>
        <h3>{inline()}</h3>
      </Match>
    </Switch>
  );
}

function List(props: { token: Tokens.List }): JSX.Element {
  const items = (): JSX.Element => (
    <Index each={props.token.items}>
      {(item) => (
        <li>
          {item().task ? <input type="checkbox" disabled checked={item().checked ?? false} /> : null}
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
                <th>
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
                    <td>
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
  /^(https?:|mailto:)/i.test(href) || /^[/#?](?!\/)/.test(href) ? href : undefined;

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/** The lexer escapes some inline text for HTML, which this is not. */
const plain = (escaped: string): string =>
  escaped.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name] ?? '');

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
      return <code>{'text' in token ? plain(String(token.text)) : token.raw}</code>;
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
    case 'escape':
    case 'text':
      if ('tokens' in token && token.tokens) return inner();
      return <>{'text' in token ? plain(String(token.text)) : token.raw}</>;
    default:
      return <>{token.raw}</>;
  }
}
