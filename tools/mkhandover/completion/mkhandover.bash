# SPDX-License-Identifier: BSD-2-Clause
# Completion of mkhandover's words for bash.

_mkhandover() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
  local common='--json -q --quiet -v --verbose -h --help --version' words=''
  case $prev in
    --on-refusal) words='reset halt' ;;
    --kaslr) words='on off' ;;
    --on-loss) words='refuse drop' ;;
    --overwrite-request) words='keep clear' ;;
    --mode) words='auto fence native' ;;
    --entry)
      words='auto vmlinux bzimage'
      [ "$verb" != pcr ] || words='efi-image efi-handover vmlinux bzimage'
      ;;
    --bank) words='sha256 sha1 sha384 sha512' ;;
    --as) words='holdfast kho-v1 kho-v1-512 kho-v1-4096 kho-v2 kho-v3 kho-v4 kho-series pkram-pgt pkram-pgt4 pkram-pgt5 pkram-regions pmpool prmem badram memmap' ;;
    --fence) words='reserved held pmem pram' ;;
    --via) words='auto segments file kexec-tools' ;;
    --from)
      [ "$verb" != pcr ] || return
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    -o | --output | --pages-of | --ram-from | --map | --handover | --kernel | --initrd | --svg | --memory | --image | --stage | --kexec | --stub | --os-release | --esp | --bundle | --store | -C | --directory)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    --preserve | --scratch | --segment | --in-use | --cmdline | --uname | --entry-title | --set | --seed | --lost | --name | --refusal-delay | --efi-descriptor-size) return ;;
  esac
  if [ -z "$words" ]; then
    case $COMP_CWORD:$verb in
      1:*) words='make inspect check plan bundle load install variable pcr report map keep list restore drop -h --help --version' ;;
      *:make) words="-o --output --preserve --pages-of --store --from --as --memory --range-list --scratch --ram-from --on-refusal --refusal-delay --kaslr --digest --on-loss --overwrite-request --efi-descriptor-size $common" ;;
      *:inspect) words="--as --memory $common" ;;
      *:check) words="--map --handover --as --memory --store --segment --efi-descriptor-size $common" ;;
      *:plan) words="--map --handover --as --memory --kernel --initrd --cmdline --in-use --mode --entry --seed --efi-descriptor-size $common" ;;
      *:bundle) words="-o --output --kernel --initrd --cmdline --handover --as --memory --mode --entry --compress --image --efi --stub --os-release --uname $common" ;;
      *:load) words="--kernel --initrd --cmdline --reuse-cmdline --handover --as --memory --store --mode --entry --stage --via --kexec --again -n --dry-run --exec $common" ;;
      *:install) words="--esp --stub --image --kernel --initrd --cmdline --handover --bundle --removable --loader-entry --entry-title $common" ;;
      *:variable) words="--set --set-kho --clear --keep --memory $common" ;;
      *:pcr) words="--handover --memory --cmdline --kernel --initrd --mode --entry --lost --bank --from $common" ;;
      *:report) words="--handover $common" ;;
      *:map) words="--map --handover --as --memory --svg --efi-descriptor-size $common" ;;
      *:keep) words="--name --add --fence --zstd --digest --store --handover --memory $common" ;;
      *:list | *:drop) words="--store --handover --memory $common" ;;
      *:restore) words="-C --directory --store --handover --memory $common" ;;
    esac
    case $verb:$cur in
      inspect:-* | report:-* | keep:-*) ;;
      inspect:* | report:* | keep:*)
        if [ "$COMP_CWORD" -gt 1 ]; then
          compopt -o filenames
          mapfile -t COMPREPLY < <(compgen -f -- "$cur")
          return
        fi
        ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _mkhandover mkhandover
