"""Every limit of the bot in one place; `docs/limits.md` shows the same numbers and a test compares them."""

from datetime import timedelta

#: Longest text of one message, in bytes of UTF-8.
MESSAGE_BYTES = 1_048_576
#: Longest thread, message, resource or workspace id, in characters. PostgreSQL's B-tree takes rows up to 2,704 bytes.
ID_CHARACTERS = 512
#: Longest title, in characters (Slack's limit for a session's title).
TITLE_CHARACTERS = 200
#: Largest metadata of one thread or message, in bytes of JSON.
METADATA_BYTES = 65_536
#: How deep lists and maps stand in each other in metadata.
METADATA_DEPTH = 64
#: Most names of metadata that one list is filtered by.
METADATA_FILTERS = 16
#: Most messages that one `save_messages` takes.
SAVE_MESSAGES = 10_000
#: Most ids that one call names. A statement of SQLite takes 32,766 values, one of PostgreSQL 65,535.
IDS_AT_ONCE = 10_000
#: Most messages that one recall includes beside its page.
INCLUDED_MESSAGES = 100
#: Most neighbours on each side of an included message.
INCLUDED_NEIGHBOURS = 1_000
#: Most persons whose conversations one supervisor reads at once.
SUPERVISED_PERSONS = 1_000
#: Longest note that says why somebody reads another person's conversations, in characters.
NOTE_CHARACTERS = 1_000
#: Most persons and channels that the scope of one supervisor names.
SCOPE_ENTRIES = 200
#: Longest text with which a workspace's admins say what the bot should be like, in characters.
PERSONA_CHARACTERS = 2_000
#: Longest name of whom people may ask about their data, in characters.
CONTACT_CHARACTERS = 200
#: Most channels for which a workspace's admins choose how the bot behaves there.
CHANNEL_MODES = 500
#: Longest search query, in characters; what is longer is refused.
QUERY_CHARACTERS = 1_000
#: Most different words of one query that are searched; further ones are ignored.
QUERY_TERMS = 16
#: Most different terms of one message in the search index; a tsvector takes one megabyte.
INDEXED_TERMS = 10_000
#: Most bytes of different terms of one message in the search index; PostgreSQL corrupts a tsvector that is larger.
INDEXED_BYTES = 1_000_000
#: Longest term in the search index, in characters; longer ones are cut, in text and query alike.
TERM_CHARACTERS = 64
#: Best candidates of a search that are ranked by all their words.
SEARCH_CANDIDATES = 500
#: Most messages that are looked at for a window with a token budget.
WINDOW_MESSAGES = 500
#: Longest answer that is asked of a model, in tokens.
ANSWER_TOKENS = 4_096
#: Longest answer that is kept, in characters; a stream that goes on is ended there.
ANSWER_CHARACTERS = 100_000
#: Most rounds of tool calls in one turn.
TOOL_ROUNDS = 6
#: Most tool calls in one round; further ones are answered with an error.
TOOL_CALLS = 8
#: Largest arguments of one tool call, in characters.
TOOL_ARGUMENT_CHARACTERS = 20_000
#: A whole turn, from the question to the end of the answer.
TURN_TIME = timedelta(seconds=120)
#: The time for the first sign of a model's answer, over all tries: a server may have to load its model first.
MODEL_RETRY_TIME = timedelta(seconds=60)
#: The time for connecting to a model server; one that is there accepts at once.
MODEL_CONNECT_TIME = timedelta(seconds=5)
#: Largest body of one answer of a model server, in bytes.
MODEL_RESPONSE_BYTES = 32 * 1_048_576
#: Most texts in one call for embeddings; written as decimals, a server's 2,048 can be over 100 MB.
EMBEDDING_BATCH = 256
#: The longest silence inside a streamed answer.
STREAM_IDLE_TIME = timedelta(seconds=20)
#: How long a model may think of a title, behind an answer that was given.
TITLE_TIME = timedelta(seconds=20)
#: How long one tool may run.
TOOL_TIME = timedelta(seconds=15)
#: Largest line of an imported JSON-lines file, in bytes.
IMPORT_LINE_BYTES = 4 * 1_048_576
#: Largest file inside an imported archive, in bytes, unpacked.
IMPORT_MEMBER_BYTES = 256 * 1_048_576
#: Database files (PostgreSQL: tables) up to this size are written anew when a person forgets; what was deleted from
#: larger ones is overwritten in place, or marked as free.
SCRUBBED_BYTES = 512 * 1_048_576
#: The same, where single messages were deleted on a platform or were kept long enough.
SCRUBBED_BESIDE_BYTES = 64 * 1_048_576
#: Largest export that is sent as a file in a chat, in bytes, packed; the narrowest platform takes 10 MB.
EXPORT_BYTES = 8 * 1_048_576
