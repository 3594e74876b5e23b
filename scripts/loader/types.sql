-- One macro per type of formats.toml: a cell's text in, its value out, or null where the text is
-- not that type. Strict on purpose: what could be read in two ways is null. Each tries the
-- spelling that files have most before the others, because a regular expression or a trim costs
-- more than the cast.

-- without the blanks around it; nothing but blanks is no value
create or replace temp macro as_text(txt) as
    case
        -- ASCII, and neither its first nor its last character is a blank
        when strlen(txt) = length(txt) and txt >= '!' and txt[-1] >= '!' then txt
        else nullif(trim(txt, E' \t\n\x0B\f\r' || chr(160) || chr(65279)), '')
    end;

-- whole, not negative, at most 18 digits; 150.0 is whole
create or replace temp macro plain_whole(num, txt) as
    case when num between 0 and 999999999999999999 and cast(num as varchar) = txt then num end;

create or replace temp macro other_whole(txt) as
    case
        when regexp_full_match(txt, '0*[0-9]{1,18}(\.0*)?')
            then try_cast(split_part(txt, '.', 1) as bigint)
    end;

create or replace temp macro as_tokens(txt) as
    coalesce(plain_whole(try_cast(txt as bigint), txt), other_whole(as_text(txt)));

-- Plain or exponent notation, a leading $ dropped, rounded half away from zero. DuckDB casts no
-- exponent notation with more than 18 digits before the point: such an amount is null.
create or replace temp macro other_decimal(txt) as
    case
        when regexp_full_match(
            txt, '([+-]?\$?\s*|\$\s*[+-])([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,9})?'
        )
            then try_cast(regexp_replace(txt, '[$\s]', '', 'g') as decimal(30, 18))
    end;

create or replace temp macro as_decimal(txt) as
    case
        when regexp_full_match(txt, '-?[0-9]*\.?[0-9]+([eE]-?[0-9]{1,9})?')
            then try_cast(txt as decimal(30, 18))
        else other_decimal(as_text(txt))
    end;

-- Whether an amount has a digit other than 0 beyond the 18th decimal, which as_decimal rounds off.
-- The place of the last such digit is told from the text: no decimal type holds 39 decimals.
create or replace temp macro last_decimal(parts) as
    length(rtrim(parts.whole || parts.decimals, '0')) - length(parts.whole)
    - coalesce(try_cast(nullif(ltrim(parts.exponent, '+'), '') as bigint), 0);

create or replace temp macro is_rounded(txt) as
    case
        when txt is null or regexp_full_match(txt, '[^.eE]*(\.[0-9]{0,18})?') then false
        when not regexp_matches(txt, '^[^eE]*[1-9]') then false
        else last_decimal(
            regexp_extract(
                txt,
                '([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]{1,9}))?[^0-9.]*$',
                ['whole', 'decimals', 'exponent']
            )
        ) > 18
    end;

create or replace temp macro as_seconds(txt) as try_cast(as_decimal(txt) as decimal(18, 6));

-- ISO 8601 with or without zone (none is UTC), a date, or seconds or milliseconds since 1970,
-- which are told apart by their digits. A cast to timestamp reads past a zone as if there were
-- none, so no text with an offset may reach it; an offset is at most 14 hours.
create or replace temp macro plain_timestamp(moment, txt) as
    case when cast(moment as varchar) = txt then moment end;

create or replace temp macro other_timestamp(txt) as
    case
        when regexp_full_match(
            txt, '\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|z|UTC)?)?'
        )
            then try_cast(rtrim(txt, 'ZzUTC ') as timestamp)
        when regexp_full_match(txt, '\d{9,10}(\.\d+)?')
            then make_timestamp(try_cast(try_cast(txt as decimal(24, 6)) * 1000000 as bigint))
        when regexp_full_match(txt, '\d{12,13}(\.\d+)?')
            then make_timestamp(try_cast(try_cast(txt as decimal(24, 3)) * 1000 as bigint))
        when regexp_full_match(
            txt,
            '\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*[+-](0\d|1[0-4])(:?[0-5]\d)?'
        )
            then try_cast(regexp_replace(txt, '\s*([+-][0-9:]+)$', '\1') as timestamptz)
                at time zone 'UTC'
    end;

create or replace temp macro as_timestamp(txt) as
    coalesce(
        plain_timestamp(case when txt[5] = '-' then try_cast(txt as timestamp) end, txt),
        other_timestamp(as_text(txt))
    );

-- no `in`: DuckDB joins with a list of words, and behind a join lines have no order
create or replace temp macro as_boolean(txt) as
    case lower(as_text(txt))
        when 'true' then true
        when 'false' then false
        when 't' then true
        when 'f' then false
        when 'yes' then true
        when 'no' then false
        when 'y' then true
        when 'n' then false
        when '1' then true
        when '0' then false
    end;

create or replace temp macro as_currency(txt) as
    case when upper(as_text(txt)) = 'USD' then 'USD' end;
