/**
 * What a shell reads to complete our commands. Each script only hands the words up to the cursor to the hidden command
 * `complete`, and its answer (`complete.ts`) to the shell: what can be completed is known in one place.
 */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const bash = `# bash completion of kafka-mesos. For this shell: source <(kafka-mesos completion bash)
_kafka_mesos() {
    local line=\${COMP_LINE:0:COMP_POINT} words=() answer candidate directive= cut=
    # COMP_WORDS is broken at = and :, which are parts of our words.
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local cur=\${words[-1]}
    cur=\${cur#[\\"\\']}
    words[-1]=$cur
    answer=$("\${COMP_WORDS[0]}" complete -- "\${words[@]:1}" 2>/dev/null) || return 0
    # Of a word that bash breaks, it completes the last piece.
    [[ $COMP_WORDBREAKS == *=* && $cur == *=* ]] && cut=\${cur%"\${cur##*=}"}
    [[ $COMP_WORDBREAKS == *:* && \${cur#"$cut"} == *:* ]] && cut=\${cur%"\${cur##*:}"}
    COMPREPLY=()
    while IFS=$'\\t' read -r candidate _; do
        if [[ $candidate == :* ]]; then
            directive=$candidate
        elif [[ $candidate == "$cur"* ]]; then
            COMPREPLY+=("\${candidate#"$cut"}")
        fi
    done <<< "$answer"
    if [[ $directive == :files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "\${cur#"$cut"}")
    elif [[ $directive == :more ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _kafka_mesos kafka-mesos
`;

const zsh = `#compdef kafka-mesos
# zsh completion of kafka-mesos. For this shell: source <(kafka-mesos completion zsh)
_kafka_mesos() {
    local -a given candidates
    local line value description directive=
    given=("\${(@Q)words[2,CURRENT]}")
    while IFS=$'\\t' read -r value description; do
        if [[ $value == :* ]]; then
            directive=$value
        else
            candidates+=("\${value//:/\\\\:}:$description")
        fi
    done < <("\${(Q)words[1]}" complete -- "\${given[@]}" 2>/dev/null)
    if [[ $directive == :more ]]; then
        _describe -V kafka-mesos candidates -S ''
    else
        _describe -V kafka-mesos candidates
    fi
    if [[ $directive == :files ]]; then
        [[ $PREFIX == --*=* ]] && compset -P '*='
        _files
    fi
}
if [[ $funcstack[1] == _kafka_mesos ]]; then
    _kafka_mesos "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _kafka_mesos kafka-mesos
fi
`;

const fish = `# fish completion of kafka-mesos. For this shell: kafka-mesos completion fish | source
function __kafka_mesos_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] $cur 2>/dev/null)
        switch $line
            case ':files'
                set -l prefix (string match -r -- '^--[^=]*=' $cur)
                for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' $cur))
                    echo "$prefix$path"
                end
            case ':*'
            case '*'
                echo $line
        end
    end
end
complete -c kafka-mesos -f -a '(__kafka_mesos_complete)'
`;

export const completionScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
