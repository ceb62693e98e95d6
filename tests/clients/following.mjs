// Tells what an EventSource is told, as text of one JSON object each: the browser's own, or one that Node is given.

const NAMED = ['tree', 'change', 'quantum', 'message'];

export function follow(EventSource, url, say) {
  const source = new EventSource(url);
  for (const name of NAMED)
    source.addEventListener(name, (event) =>
      say(JSON.stringify({ event: event.type, data: event.data, id: event.lastEventId })));
  source.onerror = () => say(JSON.stringify({ lost: source.readyState === EventSource.CONNECTING ? 'again' : 'for good' }));
}
