// Where boxes and lines go. Pure: the model in, places out, the same for the same model.
//
// Boxes stand in ranks, each behind everything that sends to it; a line over several ranks gets a place of its own in
// each, so that no line crosses a box. (Sugiyama's method: ranks, order by barycentre, places.)

/** Sizes along the ranks (`along`) and across them, for pictures that read from left to right and from top to bottom. */
const SHAPES = {
  wide: {box: {w: 172, h: 130}, person: {w: 96, h: 38}, lane: 44, gap: 28, between: 138, letters: 18},
  tall: {box: {w: 164, h: 122}, person: {w: 140, h: 38}, lane: 84, gap: 24, between: 88, letters: 15},
};
const SWEEPS = 8;

function ranksOf(nodes, edges) {
  const next = new Map(nodes.map((node) => [node, []]));
  for (const edge of edges) if (edge.from !== edge.to) next.get(edge.from).push(edge.to);
  // Lines that lead back to where one came from do not count.
  const forward = [];
  const state = new Map();
  const visit = (node) => {
    state.set(node, "open");
    for (const to of next.get(node)) {
      if (state.get(to) === "open") continue;
      forward.push([node, to]);
      if (!state.has(to)) visit(to);
    }
    state.set(node, "done");
  };
  for (const node of nodes) if (!state.has(node)) visit(node);
  const ranks = new Map(nodes.map((node) => [node, 0]));
  for (let i = 0; i < nodes.length; ++i) {
    for (const [from, to] of forward) ranks.set(to, Math.max(ranks.get(to), ranks.get(from) + 1));
  }
  return ranks;
}

/** Orders each rank so that lines cross little: each place moves to the middle of its neighbours, back and forth. */
function order(layers, links) {
  const sweep = (indexes, side) => {
    for (const index of indexes) {
      const beside = layers[index + side];
      if (!beside) continue;
      const middle = (slot) => {
        const near = links.filter((link) => link.includes(slot)).flat().filter((other) => beside.includes(other));
        if (near.length === 0) return layers[index].indexOf(slot) / layers[index].length * beside.length;
        return near.reduce((sum, other) => sum + beside.indexOf(other), 0) / near.length;
      };
      const middles = new Map(layers[index].map((slot) => [slot, middle(slot)]));
      layers[index].sort((a, b) => middles.get(a) - middles.get(b));
    }
  };
  const down = layers.map((_layer, index) => index);
  const up = down.toReversed();
  for (let i = 0; i < SWEEPS; ++i) {
    sweep(down, -1);
    sweep(up, 1);
  }
}

/**
 * Places for the elements that are drawn as boxes and the relations between them.
 *
 * `reading` is `wide` or `tall`. Answers {width, height, boxes: Map(id -> {x, y, w, h}), lines: [{relation, points,
 * label: {x, y}}], letters}: `points` are pairs [x, y] through which the line goes, by twos along a straight stretch.
 */
export function layout(elements, relations, reading) {
  const shape = SHAPES[reading];
  const wide = reading === "wide";
  const ids = elements.map((item) => item.id);
  const known = relations.filter((relation) => ids.includes(relation.from) && ids.includes(relation.to));
  const ranks = ranksOf(ids, known);
  const layers = Array.from({length: Math.max(0, ...ranks.values()) + 1}, () => []);

  const slots = new Map();
  for (const item of elements) {
    const size = item.kind === "person" ? shape.person : shape.box;
    const slot = {id: item.id, rank: ranks.get(item.id), along: wide ? size.w : size.h, across: wide ? size.h : size.w};
    slots.set(item.id, slot);
    layers[slot.rank].push(slot);
  }
  const links = [];
  const chains = known.map((relation) => {
    const from = slots.get(relation.from);
    const to = slots.get(relation.to);
    const [low, high] = from.rank <= to.rank ? [from, to] : [to, from];
    const chain = [low];
    for (let rank = low.rank + 1; rank < high.rank; ++rank) {
      const lane = {id: null, rank, along: 0, across: shape.lane};
      layers[rank].push(lane);
      chain.push(lane);
    }
    chain.push(high);
    for (let i = 1; i < chain.length; ++i) links.push([chain[i - 1], chain[i]]);
    return {relation, chain: low === from ? chain : chain.toReversed()};
  });
  order(layers, links);

  const extents = layers.map((layer) => layer.reduce((sum, slot) => sum + slot.across, (layer.length - 1) * shape.gap));
  const across = Math.max(...extents);
  let at = 0;
  layers.forEach((layer, rank) => {
    const depth = Math.max(...layer.map((slot) => slot.along));  // Lanes have the length of the rank.
    let side = (across - extents[rank]) / 2;
    for (const slot of layer) {
      if (slot.id === null) slot.along = depth;
      slot.begin = at + (depth - slot.along) / 2;
      slot.side = side;
      slot.middle = side + slot.across / 2;
      side += slot.across + shape.gap;
    }
    at += depth + shape.between;
  });
  const length = at - shape.between;

  // Lines leave and reach a box in the order of where they go, spread over its side.
  const ends = new Map();
  const end = (slot, other) => {
    const side = other.rank > slot.rank ? "after" : "before";
    const key = `${slot.id} ${side}`;
    if (!ends.has(key)) ends.set(key, []);
    const one = {slot, other, side};
    ends.get(key).push(one);
    return one;
  };
  const drawn = chains.map(({relation, chain}) => {
    const last = chain.length - 1;
    return {relation, chain, from: end(chain[0], chain[1]), to: end(chain[last], chain[last - 1])};
  });
  for (const side of ends.values()) {
    side.sort((a, b) => a.other.middle - b.other.middle);
    side.forEach((one, index) => {
      one.beside = side.length;
      one.across = one.slot.side + one.slot.across * (index + 1) / (side.length + 1);
      one.along = one.slot.begin + (one.side === "after" ? one.slot.along : 0);
    });
  }

  const point = (along, aside) => wide ? [along, aside] : [aside, along];
  const lines = drawn.map(({relation, chain, from, to}) => {
    const points = [point(from.along, from.across)];
    const lanes = chain.slice(1, -1);
    for (const lane of lanes) {
      const stretch = [lane.begin, lane.begin + lane.along];
      if (chain[0].rank > lane.rank) stretch.reverse();
      for (const along of stretch) points.push(point(along, lane.middle));
    }
    points.push(point(to.along, to.across));
    const lane = lanes[Math.floor((lanes.length - 1) / 2)];
    // Where several lines meet, their labels stand nearer to the other ends.
    const share = from.beside > 1 ? 0.7 : to.beside > 1 ? 0.3 : 0.5;
    const between = (a, b) => a + (b - a) * share;
    const [x, y] = lane ? point(lane.begin + lane.along / 2, lane.middle)
      : point((from.along + to.along) / 2, between(from.across, to.across));
    return {relation, points, label: {x, y}};
  });

  const boxes = new Map();
  for (const slot of slots.values()) {
    const [x, y] = point(slot.begin, slot.side);
    boxes.set(slot.id, {x, y, w: wide ? slot.along : slot.across, h: wide ? slot.across : slot.along});
  }
  const [width, height] = point(length, across);
  return {width, height, boxes, lines, letters: shape.letters};
}
