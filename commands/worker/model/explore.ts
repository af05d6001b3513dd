/** Something that goes from state to state, told apart by their keys. */
export type Machine<State, Action> = {
  readonly start: State;
  readonly key: (state: State) => string;
  readonly actions: (state: State) => readonly Action[];
  readonly apply: (state: State, action: Action) => State;
  /** What must never be, if it is. */
  readonly wrong: (state: State) => string | undefined;
};

export type Explored<State, Action> = {
  /** Distinct states, and the transitions between them. */
  readonly states: number;
  readonly steps: number;
  /** The most actions that any state is away from the start. */
  readonly depth: number;
  /** The first wrong state, and a shortest way to it. */
  readonly found?: { readonly wrong: string; readonly path: readonly { action: Action; state: State }[] };
};

/** Visits every state that can be reached, the nearest first, and stops at the first wrong one. */
export function explore<State, Action>(machine: Machine<State, Action>): Explored<State, Action> {
  const { start, key, actions, apply, wrong } = machine;
  const seen = new Set([key(start)]);
  // How each state was reached first: from which one, by which of its actions. Numbers, for there are millions of them.
  const from = [0];
  const by = [0];
  let steps = 0;
  let depth = 0;

  const pathTo = (state: number): readonly { action: Action; state: State }[] => {
    const choices: number[] = [];
    for (let at = state; at > 0; at = from[at] ?? 0) choices.unshift(by[at] ?? 0);
    let current = start;
    return choices.flatMap((choice) =>
      actions(current)
        .slice(choice, choice + 1)
        .map((action) => ({ action, state: (current = apply(current, action)) })),
    );
  };

  let first = 0;
  for (let level: readonly State[] = [start]; level.length > 0; depth++) {
    const next: State[] = [];
    for (const [at, state] of level.entries()) {
      let choice = -1;
      for (const action of actions(state)) {
        steps++;
        choice++;
        const reached = apply(state, action);
        const name = key(reached);
        if (seen.has(name)) continue;
        seen.add(name);
        from.push(first + at);
        by.push(choice);
        next.push(reached);
        const why = wrong(reached);
        if (why !== undefined) {
          return { states: seen.size, steps, depth: depth + 1, found: { wrong: why, path: pathTo(from.length - 1) } };
        }
      }
    }
    first += level.length;
    level = next;
  }
  return { states: seen.size, steps, depth: depth - 1 };
}
