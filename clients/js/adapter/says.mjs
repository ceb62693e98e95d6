// What a document says, as spec/vectors/README.md writes it.

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const number = (value, digits) => value.toString(16).padStart(digits, '0');
const name = (key) => Buffer.from(key, 'latin1').toString('hex');
const told = (entry) => [
  entry.id,
  entry.parent,
  name(entry.nameKey),
  entry.mode,
  String(entry.size),
  String(entry.mtimeNs),
];

function header({ kind, epoch, seq, top, digest }) {
  return {
    document: kind,
    epoch: number(epoch, 16),
    seq: String(seq),
    top: { id: top.id, path: hex(top.path), mode: top.mode, mtime_ns: String(top.mtimeNs) },
    digest: number(digest, 32),
  };
}

function records({ ids, masks, parents, names, modes, sizes, times }) {
  return Array.from(ids, (id, i) => {
    const has = (bit, value) => (masks[i] & bit ? value : null);
    const place = [has(2, parents[i]), has(2, name(names[i]))];
    return [id, masks[i], ...place, has(4, modes[i]), has(8, String(sizes[i])), has(16, String(times[i]))];
  });
}

const SAYS = {
  snapshot: (document) => ({ ...header(document), entries: Array.from(document, told) }),
  manifest: (document) => ({
    ...header(document),
    entries: document.counts.entries,
    children: document.counts.children,
    chunks: document.chunks.map(({ count, groups }) => [
      count,
      ...groups.map(({ address, storedSize }) => [number(address, 32), storedSize]),
    ]),
  }),
  delta: (document) => ({ document: 'delta', records: records(document.records) }),
  batch: (document) => ({
    document: 'batch',
    epoch: number(document.epoch, 16),
    from_seq: String(document.fromSeq),
    to_seq: String(document.toSeq),
    digest: document.digestLow === null ? null : number(document.digestLow, 16),
    records: records(document.records),
  }),
};

/** Of a document. */
export function saysDocument(document) {
  return SAYS[document.kind](document);
}

/** Of a tree with one root, as its snapshot would: in directory order. */
export function saysTree(tree) {
  const [root] = tree.children(0);
  const entries = [];
  const pending = [root.id];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const children = [...tree.children(id)];
    entries.push(...children.map(told));
    pending.push(
      ...children
        .filter((entry) => entry.isDirectory)
        .map((entry) => entry.id)
        .reverse(),
    );
  }
  return {
    document: 'snapshot',
    epoch: number(tree.epoch, 16),
    seq: String(tree.seq),
    top: { id: root.id, path: name(root.nameKey), mode: root.mode, mtime_ns: String(root.mtimeNs) },
    digest: number(root.digest, 32),
    entries,
  };
}
