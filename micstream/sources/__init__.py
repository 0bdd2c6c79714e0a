"""Sources of sound: the microphone, files, standard input. One file each."""
