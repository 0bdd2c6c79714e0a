"""The lip-sync lab: avatars and senders looked into, and measured."""
