/** What each shell runs. They ask the program itself, so that a script is never out of date; what is typed is never evaluated. */

const BASH = `_user_admin() {
  local IFS=$'\\n'
  COMPREPLY=($(user-admin complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
  if [[ \${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _user_admin user-admin
`

const ZSH = `#compdef user-admin
_user_admin() {
  local line
  local -a found suffix
  for line in "\${(@f)$(user-admin complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  [[ $found[1] == *=:* ]] && suffix=(-S '')
  if (( $#found )); then _describe user-admin found $suffix; else _files; fi
}
compdef _user_admin user-admin
`

const FISH = `function __user_admin
  set -l words (commandline -opc) (commandline -ct)
  set -l found (user-admin complete -- $words[2..-1] 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c user-admin -f -a '(__user_admin)'
`

/** By the name of the shell. */
export const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const
export type Shell = keyof typeof SCRIPTS
