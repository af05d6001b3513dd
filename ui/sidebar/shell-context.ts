import { type Accessor, createContext, useContext } from 'solid-js';
import type { ViewerQuery } from '../gql/generated/graphql.js';

/** What every page inside the shell may ask of it. */
export type ShellContext = {
  readonly viewer: Accessor<ViewerQuery['viewer']>;
  readonly setTitle: (title: string) => void;
  /** Says something in passing, as that something did not work. */
  readonly tell: (text: string) => void;
};

export const Context = createContext<ShellContext>();

export function useShell(): ShellContext {
  const context = useContext(Context);
  if (!context) throw new Error('this part stands outside the shell');
  return context;
}
