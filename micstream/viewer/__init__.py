"""A participant of kind standard that looks and listens, and is never taken for the sender.

    viewer.py     who is there, what they publish, subscriptions, conditions to wait for
    sound.py      a participant's sound: blocks of 16 kHz mono with the time they arrived
    picture.py    a participant's picture: frames with the time they arrived
    recording.py  bounded records of both, and what can be asked of them
    tap.py        a bounded queue of either, for `async for`
    feed.py       from one participant's track to whoever takes it
    changes.py    waiting for a condition, without polling
    arrival.py    an avatar's way into the room

What arrives is handed to sinks: a `Tap`, a recording, or any object with `push` and `end`. Where
nobody takes a participant's sound or picture it is not subscribed to, and costs nothing.
"""
