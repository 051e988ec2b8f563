/** A step of a pager: null where there is nothing that way. */
export interface Step {
  label: string;
  href: string | null;
  rel?: "prev" | "next";
}

/** Links to other pages; `place` says where between them this one is. */
export function Pager({ back, place, on }: { back: Step[]; place: string | null; on: Step[] }) {
  return (
    <nav class="pager" aria-label="Pages">
      <ul>
        {back.map(toLink)}
        {place !== null && <li aria-current="page">{place}</li>}
        {on.map(toLink)}
      </ul>
    </nav>
  );
}

function toLink({ label, href, rel }: Step) {
  return (
    <li>
      {href === null ? (
        <span class="off">{label}</span>
      ) : (
        <a href={href} rel={rel}>
          {label}
        </a>
      )}
    </li>
  );
}
