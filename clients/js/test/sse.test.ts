/** The parser of streams: the HTML standard's cases, whole, byte by byte, and cut at each place. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SseParser, StreamEndedError } from '@smart-tree/sse-client';

type Told = [event: string, data: string, id: string];

const CASES: [name: string, stream: string | Uint8Array, told: Told[], retry?: number][] = [
  ['one event', 'event: a\ndata: x\n\n', [['a', 'x', '']]],
  ['lines of data', 'data: x\ndata: y\n\n', [['message', 'x\ny', '']]],
  ['empty data', 'data\n\n', [['message', '', '']]],
  ['no data', 'event: a\nid: 1\n\ndata: x\n\n', [['message', 'x', '1']]],
  ['one space alone is cut off', 'data:  x\ndata:y\n\n', [['message', ' x\ny', '']]],
  ['a comment', ': data: x\n\ndata: y\n\n', [['message', 'y', '']]],
  [
    'CR, LF and CRLF',
    'data: a\rdata: b\r\ndata: c\n\r\ndata: d\n\n',
    [
      ['message', 'a\nb\nc', ''],
      ['message', 'd', ''],
    ],
  ],
  [
    'two CR',
    'data: a\r\rdata: b\r\r',
    [
      ['message', 'a', ''],
      ['message', 'b', ''],
    ],
  ],
  ['a BOM at the start', '\ufeffdata: a\n\n', [['message', 'a', '']]],
  ['a second BOM', '\ufeff\ufeffdata: a\n\ndata: b\n\n', [['message', 'b', '']]],
  ['a BOM in data', 'data: \ufeffa\n\n', [['message', '\ufeffa', '']]],
  [
    'an id goes on',
    'id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n',
    [
      ['message', 'a', '1'],
      ['message', 'b', '1'],
      ['message', 'c', ''],
    ],
  ],
  [
    'an id with a NUL',
    'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n',
    [
      ['message', 'a', '1'],
      ['message', 'b', '1'],
    ],
  ],
  ['retry of digits', 'retry: 10\nretry: 2x\nretry: -1\nretry:\n\n', [], 10],
  ['unknown fields', 'datax: a\ndata : b\ndata: c\n\n', [['message', 'c', '']]],
  ['the end without a blank line', 'data: a\n\ndata: b\n', [['message', 'a', '']]],
  ['UTF-8', 'data: äö€😀\n\n', [['message', 'äö€😀', '']]],
  [
    'what is no UTF-8',
    Uint8Array.of(0x64, 0x61, 0x74, 0x61, 0x3a, 0xe2, 0x82, 0x0a, 0x0a),
    [['message', '\ufffd', '']],
  ],
];

function parsed(pieces: Uint8Array[]): { told: Told[]; retry: number | undefined } {
  const parser = new SseParser();
  const frames = pieces.flatMap((piece) => parser.feed(piece));
  const told = frames.flatMap(({ event, data, lastId }): Told[] => (data === null ? [] : [[event, data, lastId]]));
  return { told, retry: parser.retryMs ?? undefined };
}

suite('the parser', () => {
  for (const [name, stream, told, retry] of CASES)
    test(name, () => {
      const bytes = typeof stream === 'string' ? new TextEncoder().encode(stream) : stream;
      const wanted = { told, retry };
      assert.deepEqual(parsed([bytes]), wanted);
      assert.deepEqual(parsed(Array.from(bytes, (byte) => Uint8Array.of(byte))), wanted);
      for (let cut = 0; cut <= bytes.length; cut++)
        assert.deepEqual(parsed([bytes.subarray(0, cut), bytes.subarray(cut)]), wanted);
    });

  test('an event is dispatched on the CR of its blank line', () => {
    const parser = new SseParser();
    assert.equal(parser.feed(new TextEncoder().encode('data: a\r\n\r')).length, 1);
    assert.equal(parser.feed(new TextEncoder().encode('\ndata: b\n\n')).length, 1);
  });

  test('an event that is too large ends it, also one without an end', () => {
    const parser = new SseParser('', 100);
    const isRight = (error: unknown): boolean => error instanceof StreamEndedError && error.code === 'too-large';
    assert.doesNotThrow(() => parser.feed(new TextEncoder().encode(`data: ${'x'.repeat(80)}\n\n`.repeat(3))));
    assert.doesNotThrow(() => parser.feed(new TextEncoder().encode(`: ${'x'.repeat(80)}\n`.repeat(3))));
    assert.throws(() => parser.feed(new TextEncoder().encode(`data: ${'x'.repeat(100)}`)), isRight);
  });
});
