#compdef seedream

_seedream_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _SEEDREAM_COMPLETE=complete_zsh seedream)
}

compdef _seedream_completion seedream
