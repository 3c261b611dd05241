// What happens a second, from counters that only rise.

const memoryMs = 30_000;

/** Remembers the stats of nodes from one frame of the operator socket to the next. */
export class Rates {
  #before = new Map();

  /**
   * Takes a stats frame. Returns a map from node to its figures, with perSecond (of every counter; empty at first), and
   * delta (what was counted since). A node that started anew begins at zero.
   */
  add(frame) {
    const now = new Map();
    for (const figures of frame.nodes) {
      const before = this.#before.get(figures.node);
      const seconds = before ? (frame.at - before.at) / 1000 : 0;
      const entry = { ...figures, perSecond: {}, delta: {} };
      if (seconds > 0) {
        for (const [name, value] of Object.entries(figures)) {
          if (typeof value !== "number") continue;
          const delta = value - (before.figures[name] ?? 0);
          entry.delta[name] = delta >= 0 ? delta : value;
          entry.perSecond[name] = entry.delta[name] / seconds;
        }
      }
      now.set(figures.node, entry);
    }
    // One that missed a frame is not a new one.
    for (const [node, before] of this.#before) if (frame.at - before.at > memoryMs) this.#before.delete(node);
    for (const figures of frame.nodes) this.#before.set(figures.node, { at: frame.at, figures });
    return now;
  }
}

/** The sum of one figure over all nodes; part is "perSecond", "delta" or none for the figure itself. */
export function total(nodes, name, part) {
  let sum = 0;
  for (const node of nodes.values()) sum += (part ? node[part][name] : node[name]) ?? 0;
  return sum;
}
