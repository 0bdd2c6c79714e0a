"""Record: what a session said, heard and did, written down so that it can be performed again.

    taps, bus ──▶ keeping ──bounded queue──▶ writer (a thread) ──▶ store (a folder), log (a file)
                                    a folder ──▶ reading ──▶ plan ──▶ performing

One timeline for all of it: seconds since the record's beginning, by the monotonic clock. `format`
is what stands in the files (pure), `space` when a disk is too full (pure), `plan` what a replay
does when (pure).
"""
