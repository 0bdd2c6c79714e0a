"""Where sound comes from: the microphone, files, standard input. One file each."""
